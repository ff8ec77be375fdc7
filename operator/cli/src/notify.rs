//! Messages to a webhook: one for each property whose outcome changed. What cannot be delivered is kept
//! and tried after the next round; a round never waits for it and never fails because of it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use opendoor_reconciler::directory::SqliteStore;
use opendoor_reconciler::notices::Notice;
use opendoor_reconciler::ports::StoreError;
use opendoor_reconciler::round::RoundReport;
use serde_json::{Value, json};

use crate::render::words::clean;

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Attempts in one round, and what is waited before the second and the third.
const PAUSES: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// Most events written out in one message to people.
const SHOWN: usize = 40;

/// A form of message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// One JSON document, for programs
    #[default]
    Json,
    /// What an incoming webhook of Slack takes
    Slack,
}

/// Where messages go. It is a secret: whoever knows it can write there. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

impl FromStr for Address {
    type Err = std::convert::Infallible;

    // Looked at later: a parser's error would repeat the text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

/// Why messages cannot go there. Never repeats the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an absolute URL.
    #[error("the address of --notify is not a URL: write it like https://hooks.example/...")]
    NotAUrl,
    /// Plain http to another machine.
    #[error(
        "the address of --notify must start with https:// (http:// only to this machine), because it is a secret"
    )]
    NotPrivate,
    /// TLS cannot be set up.
    #[error("messages cannot be sent from this machine: TLS cannot be set up")]
    NoTls,
}

/// Sends messages.
#[derive(Debug)]
pub struct Notifier {
    client: reqwest::Client,
    url: Url,
    form: Form,
}

#[derive(Clone)]
struct Url(reqwest::Url);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Url(..)")
    }
}

/// Why a message was not taken. Never holds the address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Undelivered {
    /// It may be taken later.
    Later(String),
    /// Saying it again will not help before something changes there.
    Never(String),
}

impl Notifier {
    /// A way to an address.
    ///
    /// # Errors
    /// It is no URL, or would show the secret to the network.
    pub fn new(address: &Address, form: Form) -> Result<Self, AddressError> {
        let url: reqwest::Url = address
            .0
            .trim()
            .parse()
            .map_err(|_| AddressError::NotAUrl)?;
        let host = url.host_str().ok_or(AddressError::NotAUrl)?;
        let local = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        match url.scheme() {
            "https" => {}
            "http" if local => {}
            _ => return Err(AddressError::NotPrivate),
        }
        let builder = reqwest::Client::builder()
            .user_agent(concat!("opendoor/", env!("CARGO_PKG_VERSION")))
            // A redirect could carry it to another host.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .timeout(PATIENCE);
        // A proxy from the environment would see plain http.
        let builder = if local { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|_| AddressError::NoTls)?;
        Ok(Self {
            client,
            url: Url(url),
            form,
        })
    }

    /// Tells what a round changed. Returns what went wrong, in words.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn tell(
        &self,
        store: &SqliteStore,
        report: &RoundReport,
        simulated: bool,
    ) -> Result<Option<String>, StoreError> {
        let mut wrong = None;
        for (target, pass) in &report.passes {
            let Ok(pass) = pass else { continue };
            let before = store.told(&target.property)?;
            let mut told = before.clone();
            told.take_in(pass);
            // Remembered before it is sent: a kill in between sends it again, and loses nothing.
            if told != before {
                store.remember_told(&target.property, &told)?;
            }
            // One address that fails is not tried again for every property.
            if told.unsent.is_empty() || wrong.is_some() {
                continue;
            }
            let message = match self.form {
                Form::Json => json!({
                    "schemaVersion": 1,
                    "at": pass.at,
                    "simulated": simulated,
                    "property": target.property,
                    "building": pass.building.name,
                    "events": told.unsent,
                }),
                Form::Slack => {
                    json!({ "text": text(&pass.building.name, simulated, &told.unsent) })
                }
            };
            match self.deliver(&message).await {
                Ok(()) => {
                    told.unsent.clear();
                    store.remember_told(&target.property, &told)?;
                }
                Err(Undelivered::Later(why)) => {
                    wrong = Some(format!(
                        "a message could not be delivered ({why}); it is kept and tried after the next round"
                    ));
                }
                Err(Undelivered::Never(why)) => {
                    wrong = Some(format!(
                        "a message was refused ({why}); check --notify and --notify-form; it is kept and tried after the \
                         next round"
                    ));
                }
            }
        }
        Ok(wrong)
    }

    async fn deliver(&self, message: &Value) -> Result<(), Undelivered> {
        let mut last = Undelivered::Later(String::new());
        for pause in PAUSES {
            tokio::time::sleep(pause).await;
            match self.attempt(message).await {
                Err(later @ Undelivered::Later(_)) => last = later,
                other => return other,
            }
        }
        Err(last)
    }

    async fn attempt(&self, message: &Value) -> Result<(), Undelivered> {
        let sent = self
            .client
            .post(self.url.0.clone())
            .header("content-type", "application/json")
            .body(message.to_string())
            .send()
            .await;
        let status = match sent {
            Ok(answer) => answer.status(),
            Err(error) if error.is_timeout() => {
                return Err(Undelivered::Later(String::from("no answer in time")));
            }
            Err(_) => return Err(Undelivered::Later(String::from("it cannot be reached"))),
        };
        match status.as_u16() {
            200..=299 => Ok(()),
            code @ (408 | 425 | 429 | 500..=599) => {
                Err(Undelivered::Later(format!("it answered {code}")))
            }
            code => Err(Undelivered::Never(format!("it answered {code}"))),
        }
    }
}

/// For people.
fn text(building: &str, simulated: bool, events: &[Notice]) -> String {
    let simulated = if simulated { " (simulated)" } else { "" };
    let mut text = format!("*OpenDOOR: {}*{simulated}", escaped(building));
    for event in events.iter().take(SHOWN) {
        text.push_str(&format!(
            "\n• *{}* {}",
            event.event,
            escaped(&event.message)
        ));
    }
    if events.len() > SHOWN {
        text.push_str(&format!("\n• and {} more", events.len() - SHOWN));
    }
    text
}

/// Text that calls nobody and is no link.
fn escaped(text: &str) -> String {
    clean(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(address: &str) -> Result<Notifier, AddressError> {
        let address: Address = address.parse().unwrap();
        Notifier::new(&address, Form::Slack)
    }

    #[test]
    fn it_goes_where_nobody_reads_along_and_is_never_shown() {
        for address in [
            "https://hooks.example/services/T0/B0/s3cret?x=1",
            "http://127.0.0.1:9/s3cret",
            "http://[::1]:9/s3cret",
            "http://localhost:9/s3cret",
        ] {
            let notifier = to(address).unwrap();
            assert!(!format!("{notifier:?}").contains("s3cret"));
        }
        for address in [
            "http://hooks.example/s3cret",
            "http://127.0.0.1.example/s3cret",
            "ftp://127.0.0.1/s3cret",
            "s3cret",
            "",
        ] {
            let error = to(address).unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        let address: Address = "https://hooks.example/s3cret".parse().unwrap();
        assert!(!format!("{address:?}").contains("s3cret"));
    }

    #[test]
    fn a_message_to_people_calls_nobody_and_is_short() {
        let event = Notice {
            event: String::from("DriftFound"),
            what: String::from("Gate"),
            partner: None,
            message: String::from("Gate <!channel> & more"),
        };
        let text = text("Harbor <Point>", false, &vec![event; 50]);
        assert!(
            text.starts_with(
                "*OpenDOOR: Harbor &lt;Point&gt;*\n• *DriftFound* Gate &lt;!channel&gt; &amp; more\n"
            ),
            "{text}"
        );
        assert!(text.ends_with("• and 10 more"), "{text}");
    }
}
