//! Who may write: bearer tokens, compared in constant time.

use std::fmt::Display;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header};
use siphasher::sip128::{Hasher128, SipHasher24};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use crate::base::seal;

/// Compares tokens without telling where, or whether in length, they differ.
pub struct Tokens {
    key: [u64; 2],
}

impl Default for Tokens {
    fn default() -> Self {
        let random = || RandomState::new().hash_one(0_u8);
        Self {
            key: [random(), random()],
        }
    }
}

impl Tokens {
    /// True when both are the same. Digests under a key of this process are compared, so that neither
    /// content nor length leaks through time.
    pub fn same(&self, left: &str, right: &str) -> bool {
        let digest = |text: &str| {
            let hasher = SipHasher24::new_with_keys(self.key[0], self.key[1]);
            hasher_of(hasher, text)
        };
        digest(left).ct_eq(&digest(right)).into()
    }

    /// Lets a request through that shows `expected`. Without `expected`, only a server on loopback lets it
    /// through, and only when no web page sent it.
    pub fn check(
        &self,
        expected: Option<&str>,
        loopback: bool,
        headers: &HeaderMap,
        whose: impl Display,
    ) -> Result<(), Problem> {
        let Some(expected) = expected.filter(|token| !token.is_empty()) else {
            if !loopback {
                return Err(Problem::forbidden(format!(
                    "{whose} is not configured, and the server listens beyond loopback"
                )));
            }
            return same_site(headers);
        };
        let Some(shown) = bearer(headers) else {
            return Err(Problem::token_missing(format!(
                "send {whose} as \"Authorization: Bearer …\""
            )));
        };
        let same = seal::opens(expected, shown);
        if same.unwrap_or_else(|| self.same(shown, expected)) {
            Ok(())
        } else {
            Err(Problem::forbidden(format!("this is not {whose}")))
        }
    }
}

fn hasher_of(mut hasher: SipHasher24, text: &str) -> [u8; 16] {
    std::hash::Hasher::write(&mut hasher, text.as_bytes());
    hasher.finish128().as_bytes()
}

/// The token of `Authorization: Bearer` (RFC 6750 §2.1; the scheme is case-insensitive).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A page in the operator's browser must not steer a server that asks for no token: neither from another
/// origin, nor under a name that was made to resolve to loopback.
fn same_site(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or("localhost");
    let authority = host.parse::<axum::http::uri::Authority>().ok();
    let local = authority.as_ref().is_some_and(|authority| {
        let name = authority.host().trim_matches(['[', ']']);
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
    });
    let origin_fits = text(header::ORIGIN).is_none_or(|origin| {
        let origin = origin.parse::<Uri>().ok();
        origin.and_then(|uri| uri.into_parts().authority) == authority
    });
    if local && origin_fits {
        Ok(())
    } else {
        Err(Problem::forbidden(
            "without http.admin_token, web pages and host names other than localhost may not write",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use axum::response::IntoResponse;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let name = axum::http::HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            })
            .collect()
    }

    fn status(
        expected: Option<&str>,
        loopback: bool,
        pairs: &[(&'static str, &'static str)],
    ) -> u16 {
        match Tokens::default().check(expected, loopback, &headers(pairs), "the token") {
            Ok(()) => 200,
            Err(problem) => problem.into_response().status().as_u16(),
        }
    }

    #[test]
    fn a_missing_token_is_401_and_a_wrong_one_403() {
        assert_eq!(status(Some("secret"), true, &[]), 401);
        assert_eq!(
            status(Some("secret"), true, &[("authorization", "Basic secret")]),
            401
        );
        for wrong in [
            "Bearer secre",
            "Bearer secret2",
            "Bearer SECRET",
            "Bearer  ",
        ] {
            assert_ne!(
                status(Some("secret"), true, &[("authorization", wrong)]),
                200,
                "{wrong}"
            );
        }
        assert_eq!(
            status(Some("secret"), false, &[("authorization", "bearer secret")]),
            200
        );
    }

    #[test]
    fn without_a_token_only_loopback_may_write() {
        assert_eq!(status(None, true, &[("host", "127.0.0.1:8080")]), 200);
        assert_eq!(status(None, true, &[("host", "[::1]:8080")]), 200);
        assert_eq!(status(None, true, &[("host", "localhost")]), 200);
        assert_eq!(status(None, false, &[("host", "127.0.0.1:8080")]), 403);
    }

    #[test]
    fn an_empty_configured_token_never_matches_an_empty_bearer() {
        assert_eq!(
            status(Some(""), false, &[("authorization", "Bearer ")]),
            403
        );
    }

    #[test]
    fn a_web_page_may_not_write_where_no_token_is_asked_for() {
        let elsewhere = [
            ("host", "127.0.0.1:8080"),
            ("origin", "http://evil.example"),
        ];
        assert_eq!(status(None, true, &elsewhere), 403);
        assert_eq!(status(None, true, &[("host", "evil.example:8080")]), 403);
        let own = [
            ("host", "127.0.0.1:8080"),
            ("origin", "http://127.0.0.1:8080"),
        ];
        assert_eq!(status(None, true, &own), 200);
        let opaque = [("host", "127.0.0.1:8080"), ("origin", "null")];
        assert_eq!(status(None, true, &opaque), 403);
    }
}
