//! The webhook: tells one outside system what happened, signed, at least once, with an id that tells repeats apart.
//!
//! What is sent follows Standard Webhooks 1.0: the body `{"id","kind","happened_at","data"}`, the headers `webhook-id`,
//! `webhook-timestamp` and `webhook-signature: v1,BASE64(HMAC-SHA256(secret, "id.timestamp.body"))`. Bodies carry ids,
//! never names. Only the configured URL is called: no redirects, no proxy of the environment.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use zeroize::Zeroizing;
use zhengna_core::delivery::{DeliveryState, LeasedDelivery, SettleDelivery};
use zhengna_core::error::Refusal;
use zhengna_core::{Core, Error, Timestamp, limits};

use crate::secret_file::{self, SecretFileError};
use crate::stop::Stop;
use crate::{config, outbound};

const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a secret, from and to; the bounds of Standard Webhooks.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// One attempt, all of it.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// Deliveries leased at once: even if each takes as long as it may, the last is settled within the lease.
const LEASED_AT_ONCE: u32 = 4;
const _: () = assert!(ATTEMPT_MAX.as_secs() * (LEASED_AT_ONCE as u64) < limits::OUTBOX_LEASE.as_secs());

/// Why there is no webhook.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The secret's file.
    #[error("the webhook's secret: {0}")]
    File(#[from] SecretFileError),
    /// What is in it.
    #[error("the webhook's secret in {} must be whsec_ and the base64 of 24 to 64 random bytes", .0.display())]
    Secret(PathBuf),
}

/// Where events go.
pub struct Webhook {
    url: String,
    secret: Zeroizing<Vec<u8>>,
    agent: ureq::Agent,
}

impl Webhook {
    /// Reads the secret and checks it.
    pub fn open(config: &config::Webhook) -> Result<Webhook, WebhookError> {
        let text = secret_file::read(&config.secret_file)?;
        let secret = text
            .trim()
            .strip_prefix(SECRET_PREFIX)
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .map(Zeroizing::new)
            .filter(|secret| SECRET_BYTES.contains(&secret.len()))
            .ok_or_else(|| WebhookError::Secret(config.secret_file.clone()))?;
        Ok(Webhook::new(config.url.clone(), secret, ATTEMPT_MAX))
    }

    fn new(url: String, secret: Zeroizing<Vec<u8>>, attempt_max: Duration) -> Webhook {
        Webhook { url, secret, agent: outbound::agent(attempt_max) }
    }

    /// One attempt.
    ///
    /// # Errors
    /// The class of what went wrong, fit for a log and for the outbox: never a body, a header or an address.
    pub fn post(&self, delivery: &LeasedDelivery, now: Timestamp) -> Result<(), String> {
        let data: serde_json::Value = serde_json::from_str(&delivery.payload).map_err(|_| "the payload is not JSON".to_owned())?;
        let id = delivery.id.to_string();
        let body = json!({ "id": id, "kind": delivery.kind, "happened_at": delivery.happened_at, "data": data }).to_string();
        let at = now.micros().div_euclid(1_000_000).to_string();
        let signature = sign(&self.secret, &id, &at, &body);
        let sent = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", &at)
            .header("webhook-signature", &signature)
            .send(body);
        match sent {
            Ok(response) => match response.status().as_u16() {
                200..=299 => Ok(()),
                status @ 300..=399 => Err(format!("status {status}: redirects are not followed")),
                status => Err(format!("status {status}")),
            },
            Err(e) => Err(outbound::class(&e)),
        }
    }

    /// Delivers what is due, a few at a time, until nothing is or a stop is said. Returns how many were tried.
    pub fn drain(&self, core: &Core, stop: &Stop) -> Result<usize, Error> {
        let mut tried = 0;
        while !stop.said() {
            let leased = core.lease_deliveries(LEASED_AT_ONCE)?;
            if leased.is_empty() {
                break;
            }
            for delivery in leased {
                // What is left of the lease falls due again by itself.
                if stop.said() {
                    break;
                }
                self.deliver(core, &delivery)?;
                tried += 1;
            }
        }
        Ok(tried)
    }

    fn deliver(&self, core: &Core, delivery: &LeasedDelivery) -> Result<(), Error> {
        let error = self.post(delivery, core.now()).err();
        if let Some(why) = &error {
            tracing::warn!(delivery = %delivery.id, kind = delivery.kind, why, "webhook not delivered; it is tried again later");
        }
        match core.settle_delivery(SettleDelivery { id: delivery.id, token: delivery.token, error }) {
            Ok(settled) => {
                if settled.state == DeliveryState::Parked {
                    tracing::error!(delivery = %delivery.id, kind = delivery.kind, "webhook failed too often and was set aside");
                }
                Ok(())
            }
            // Somebody else has it now; the receiver tells repeats apart by the id.
            Err(Error::Refused(Refusal::LeaseLost)) => Ok(()),
            Err(e) => Err(e),
        }
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
fn sign(secret: &[u8], id: &str, at: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length will do");
    for part in [id, ".", at, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, channel};
    use zhengna_core::interaction::{Claim, Close, Outcome};
    use zhengna_tests::world::{Engine, World};

    const SECRET: &[u8] = b"a secret of twenty-nine bytes";

    /// One request as the receiver saw it.
    struct Seen {
        head: String,
        body: String,
    }

    impl Seen {
        fn header(&self, name: &str) -> &str {
            let line = self.head.lines().find_map(|l| {
                let (found, value) = l.split_once(':')?;
                found.eq_ignore_ascii_case(name).then(|| value.trim())
            });
            line.unwrap_or_else(|| panic!("no header {name} in {}", self.head))
        }
    }

    /// A receiver that answers one connection after the other as told; `None` says nothing until the client leaves.
    fn receiver(answers: Vec<Option<&'static str>>) -> (String, Receiver<Seen>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (tell, seen) = channel();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut io, _) = listener.accept().unwrap();
                tell.send(request(&mut io)).unwrap();
                match answer {
                    Some(head) => {
                        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
                        io.write_all(answer.as_bytes()).unwrap();
                    }
                    None => {
                        let mut rest = Vec::new();
                        let _closed_by_the_client = io.read_to_end(&mut rest);
                    }
                }
            }
        });
        (url, seen)
    }

    fn request(io: &mut TcpStream) -> Seen {
        let (mut bytes, mut some) = (Vec::new(), [0; 4096]);
        loop {
            let n = io.read(&mut some).unwrap();
            assert!(n > 0, "the request ended early");
            bytes.extend_from_slice(&some[..n]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length: usize = head
                    .lines()
                    .find_map(|l| l.to_lowercase().strip_prefix("content-length:").map(str::to_owned))
                    .map_or(0, |n| n.trim().parse().unwrap());
                if body.len() == length {
                    return Seen { head: head.to_owned(), body: body.to_owned() };
                }
            }
        }
    }

    fn webhook(url: &str) -> Webhook {
        Webhook::new(url.to_owned(), Zeroizing::new(SECRET.to_vec()), Duration::from_millis(500))
    }

    /// A world in which one conversation was closed, so that one delivery is due.
    fn world() -> World {
        let world = World::new(Engine::Memory);
        world.entered(0);
        let officer = world.officer(0);
        let claimed = officer.interaction().claim(Claim { line: world.line }).wait().unwrap();
        let close = Close { conversation: claimed.conversation, outcome: Outcome::Resolved, note: None };
        officer.interaction().close(close).wait().unwrap();
        world
    }

    fn soon(seen: &Receiver<Seen>) -> Seen {
        seen.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn delivered_once_and_signed_as_standard_webhooks_asks() {
        let (world, (url, seen)) = (world(), receiver(vec![Some("204 No Content")]));
        assert_eq!(webhook(&url).drain(&world.core, &Stop::default()).unwrap(), 1);
        let seen = soon(&seen);
        assert!(seen.head.starts_with("POST /hook HTTP/1.1"));
        let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(body["id"], seen.header("webhook-id"));
        assert_eq!(body["kind"], "conversation.closed");
        assert!(body["happened_at"].as_str().unwrap().ends_with("+08:00"));
        assert!(body["data"]["conversation"].is_string(), "{body}");

        let signed = format!("{}.{}.{}", seen.header("webhook-id"), seen.header("webhook-timestamp"), seen.body);
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
        mac.update(signed.as_bytes());
        let given = seen.header("webhook-signature").strip_prefix("v1,").unwrap();
        mac.verify_slice(&STANDARD.decode(given).unwrap()).unwrap();
        // Nothing is left.
        world.clock.advance(Duration::from_secs(7200));
        assert_eq!(webhook(&url).drain(&world.core, &Stop::default()).unwrap(), 0);
    }

    #[test]
    fn what_fails_is_tried_again_with_the_same_id() {
        let world = world();
        let (url, seen) =
            receiver(vec![Some("500 Oops"), Some("302 Found\r\nlocation: http://127.0.0.1:1/elsewhere"), None, Some("200 OK")]);
        let hook = webhook(&url);
        let mut ids = Vec::new();
        for _ in 0..4 {
            assert_eq!(hook.drain(&world.core, &Stop::default()).unwrap(), 1);
            // Not at once: the wait grows.
            assert_eq!(hook.drain(&world.core, &Stop::default()).unwrap(), 0);
            ids.push(soon(&seen).header("webhook-id").to_owned());
            world.clock.advance(limits::OUTBOX_RETRY_MAX);
        }
        assert!(ids.windows(2).all(|w| w[0] == w[1]), "{ids:?}");
        assert_eq!(hook.drain(&world.core, &Stop::default()).unwrap(), 0);
    }

    #[test]
    fn t38_redirects_are_not_followed_and_errors_are_classes_without_bodies() {
        let world = world();
        let delivery = world.core.lease_deliveries(1).unwrap().remove(0);
        let post = |url: &str| webhook(url).post(&delivery, world.core.now());
        for (answer, error) in [
            (Some("500 Oops"), "status 500"),
            (Some("410 Gone"), "status 410"),
            (Some("307 Elsewhere\r\nlocation: http://127.0.0.1:1/"), "status 307: redirects are not followed"),
            (None, "timed out"),
        ] {
            let (url, _seen) = receiver(vec![answer]);
            assert_eq!(post(&url), Err(error.to_owned()));
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = format!("http://{}/", free.local_addr().unwrap());
        drop(free);
        let refused = post(&nobody).unwrap_err();
        assert!(refused.starts_with("connection"), "{refused}");
    }

    #[test]
    fn a_crash_between_delivery_and_settling_delivers_again_with_the_same_id() {
        let (world, (url, seen)) = (world(), receiver(vec![Some("200 OK"), Some("200 OK")]));
        let hook = webhook(&url);
        let leased = world.core.lease_deliveries(1).unwrap().remove(0);
        hook.post(&leased, world.core.now()).unwrap();
        // The worker dies here. Its lease ends, and another worker takes over.
        assert_eq!(hook.drain(&world.core, &Stop::default()).unwrap(), 0);
        world.clock.advance(limits::OUTBOX_LEASE);
        assert_eq!(hook.drain(&world.core, &Stop::default()).unwrap(), 1);
        let (first, second) = (soon(&seen), soon(&seen));
        assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
        assert_eq!(first.body, second.body);
        // Should the first worker come back, it changes nothing.
        let late = SettleDelivery { id: leased.id, token: leased.token, error: Some("late".into()) };
        assert!(world.core.settle_delivery(late).is_err());
    }

    #[test]
    fn a_stop_leaves_the_rest_for_later() {
        let (world, stop) = (world(), Stop::default());
        stop.say();
        assert_eq!(webhook("http://127.0.0.1:1/").drain(&world.core, &stop).unwrap(), 0);
    }

    #[test]
    fn t37_empty_short_and_readable_secrets_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str, text: &str| {
            let path = dir.path().join(name);
            secret_file::create(&path, text).unwrap();
            Webhook::open(&config::Webhook { url: "http://127.0.0.1:1/".into(), secret_file: path })
        };
        let encoded = |bytes: usize| format!("whsec_{}\n", STANDARD.encode(vec![7; bytes]));
        for (name, text) in [
            ("empty", String::new()),
            ("prefix", "whsec_".into()),
            ("short", encoded(23)),
            ("long", encoded(65)),
            ("raw", "correct horse battery staple".into()),
        ] {
            assert!(matches!(open(name, &text), Err(WebhookError::Secret(_))), "{name}");
        }
        assert!(open("good", &encoded(24)).is_ok());
        let shared = Arc::new(dir.path().join("good"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(&*shared, mode).unwrap();
        let config = config::Webhook { url: "http://127.0.0.1:1/".into(), secret_file: (*shared).clone() };
        assert!(matches!(Webhook::open(&config), Err(WebhookError::File(SecretFileError::Open { .. }))));
    }
}
