//! Names and numbers of people do not belong in logs: URIs are shown with them masked.

use std::fmt::{self, Display, Write as _};

/// How much of a value is shown at most, in bytes.
const SHOWN_MAX: usize = 256;

/// Shows a URI, or a From, To or Contact value, fit for a log: see [`mask`].
#[derive(Clone, Copy)]
pub struct Masked<'a>(&'a [u8]);

/// Masks a SIP, SIPS or TEL URI or a header value that holds one.
///
/// The scheme, the host and the names of parameters stay. In the user part (a password with it), in a
/// display name and in everything of a `tel:` URI, a digit becomes `#` and a letter or other byte `x`;
/// `+ - .` stay, so the shape of a number can still be told. Behind the host digits become `#`.
/// What is not ASCII or is a control byte never reaches the log.
pub fn mask(value: &[u8]) -> Masked<'_> {
    Masked(value)
}

impl Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN_MAX)];
        // The quoted display name may itself hold `<`; the URI follows the last one.
        let open = shown.iter().rposition(|byte| *byte == b'<');
        let (name, rest) = shown.split_at(open.map_or(0, |at| at + 1));
        write_hidden(f, name)?;
        write_uri(f, rest)?;
        if self.0.len() > SHOWN_MAX {
            f.write_str("…")?;
        }
        Ok(())
    }
}

fn write_uri(f: &mut fmt::Formatter<'_>, uri: &[u8]) -> fmt::Result {
    let Some(colon) = uri.iter().position(|byte| *byte == b':') else {
        return write_hidden(f, uri);
    };
    let (scheme, rest) = uri.split_at(colon);
    let sip = scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips");
    if !sip {
        // `tel:` and schemes we do not know: all of it may be a name.
        write_plain(f, scheme)?;
        return write_hidden(f, rest);
    }
    let host = rest
        .iter()
        .rposition(|byte| *byte == b'@')
        .map_or(1, |at| at + 1);
    let (user, rest) = rest.split_at(host);
    let behind = rest
        .iter()
        .position(|byte| b";?>".contains(byte))
        .unwrap_or(rest.len());
    let (host, behind) = rest.split_at(behind);
    write_plain(f, scheme)?;
    write_hidden(f, user)?;
    write_plain(f, host)?;
    write_without_digits(f, behind)
}

fn write_plain(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| {
        f.write_char(if byte.is_ascii_graphic() {
            *byte as char
        } else {
            '?'
        })
    })
}

fn write_without_digits(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| {
        f.write_char(match byte {
            b'0'..=b'9' => '#',
            b' ' | b'!'..=b'~' => *byte as char,
            _ => '?',
        })
    })
}

fn write_hidden(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| {
        f.write_char(match byte {
            b'0'..=b'9' => '#',
            b'+' | b'-' | b'.' | b'@' | b':' | b'<' | b'>' | b'"' | b' ' => *byte as char,
            _ => 'x',
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(value: &str) -> String {
        mask(value.as_bytes()).to_string()
    }

    #[test]
    fn the_user_part_is_hidden_and_the_host_is_shown() {
        assert_eq!(
            masked("sip:john.doe@10.0.0.1:5060"),
            "sip:xxxx.xxx@10.0.0.1:5060"
        );
        assert_eq!(
            masked("sip:+49-30-1234@pbx.example;user=phone"),
            "sip:+##-##-####@pbx.example;user=phone"
        );
        assert_eq!(masked("SIPS:al:secret9@h"), "SIPS:xx:xxxxxx#@h");
    }

    #[test]
    fn a_uri_without_a_user_stays_as_it_is() {
        assert_eq!(masked("sip:pbx.example:5062"), "sip:pbx.example:5062");
        assert_eq!(masked("sip:[2001:db8::1]:5062"), "sip:[2001:db8::1]:5062");
    }

    #[test]
    fn a_telephone_number_is_hidden_whole() {
        assert_eq!(masked("tel:+1-201-555-0123"), "tel:+#-###-###-####");
    }

    #[test]
    fn a_display_name_and_digits_behind_the_host_are_hidden() {
        assert_eq!(
            masked("\"Ann <3\" <sip:ann@h>;tag=a1b2"),
            "\"xxx <#\" <sip:xxx@h>;tag=a#b#"
        );
    }

    proptest! {
        #[test]
        fn nothing_but_printable_ascii_reaches_the_log(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(mask(&bytes).to_string().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
        }

        #[test]
        fn no_digit_of_a_user_is_ever_shown(user in "[a-z0-9+;?<>\"]{1,20}") {
            let shown = masked(&format!("sip:{user}@host"));
            prop_assert!(!shown.bytes().any(|byte| byte.is_ascii_digit()), "{shown}");
        }
    }
}
