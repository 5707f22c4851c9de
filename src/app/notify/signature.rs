//! How a receiver tells that a notice is ours, and of now.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The value of `Tandem-Signature`: `t=SECONDS,v1=HEX`, the HMAC-SHA256 (RFC 2104) of `SECONDS.BODY` under the secret.
pub fn signature(secret: &str, unix_seconds: u64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("HMAC takes a key of any length (RFC 2104 §3)");
    mac.update(unix_seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={unix_seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_another_program_reckons() {
        // printf '1767268800.{"text":"x"}' | openssl dgst -sha256 -hmac 0123456789abcdef
        assert_eq!(
            signature("0123456789abcdef", 1_767_268_800, br#"{"text":"x"}"#),
            "t=1767268800,v1=88edcfdba827110c0b6f1da93508b50b8e267eb06e155a73047740a72e6aa1b3"
        );
    }
}
