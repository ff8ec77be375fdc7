//! The operator's own configuration: which DOOR OS there is, and who may use it.

use std::num::NonZeroU32;
use std::path::Path;

use ipnet::IpNet;
use opendoor_api::Period;
use opendoor_door_os::{Addresses, Endpoint};
use serde::Deserialize;

/// What whoever runs the operator decides.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The DOOR OS connections that Portfolios may name.
    pub connections: Vec<ConnectionConfig>,
    /// The namespaces looked after; empty: all.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// The RoleBinding, of this name in each of `namespaces`, by which we may work there: it is kept while objects
    /// there wait for us. It has to bind a ClusterRole.
    #[serde(default)]
    pub role_binding: Option<String>,
    /// Properties passed over at a time.
    #[serde(default = "Config::default_concurrency")]
    pub concurrency: usize,
    /// How long a replica that is gone keeps its shards. At least 9s.
    #[serde(default = "Config::default_lease")]
    pub lease_duration: Period,
    /// How long a namespace that is going may hang without credentials before what it granted is
    /// given up as abandoned.
    #[serde(default = "Config::default_abandon_after")]
    pub abandon_after: Period,
}

/// One DOOR OS.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionConfig {
    /// The name that Portfolios use.
    pub name: String,
    /// Its address: https, or http to loopback where that is allowed.
    pub url: String,
    /// The namespaces that may use it; `"*"` means all.
    pub allowed_namespaces: Vec<String>,
    /// Requests a second, per client id.
    #[serde(default = "ConnectionConfig::default_rate")]
    pub requests_per_second: NonZeroU32,
    /// Private networks in which it may be, such as `10.20.0.0/16`. Public addresses always may.
    #[serde(default)]
    pub allowed_addresses: Vec<IpNet>,
    /// It may be on this machine: a simulator, or a proxy beside the operator.
    #[serde(default)]
    pub allow_loopback: bool,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {path} cannot be read: {why}. Give it with --config FILE.")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// It is not what a configuration looks like.
    #[error("the configuration {path} is not valid: {why}")]
    Invalid {
        /// The file.
        path: String,
        /// What is wrong, with line and column where they are known.
        why: String,
    },
}

/// Most bytes of a configuration file.
const LONGEST: usize = 1 << 20;

impl Config {
    const fn default_concurrency() -> usize {
        4
    }

    fn default_lease() -> Period {
        Period::known("45s", 45)
    }

    fn default_abandon_after() -> Period {
        Period::known("15m", 900)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or something in it cannot be used.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: shown.clone(),
            why: error.to_string(),
        })?;
        Self::parse(&text).map_err(|why| ConfigError::Invalid { path: shown, why })
    }

    /// Reads the text of a configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        let options = serde_saphyr::options! { no_schema: true };
        let config: Self = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| error.to_string())?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if self.connections.is_empty() {
            return Err(String::from(
                "connections is empty: name at least one DOOR OS with name, url and allowedNamespaces",
            ));
        }
        if self.role_binding.is_some() && self.namespaces.is_empty() {
            return Err(String::from(
                "roleBinding is about the namespaces that are listed, and none is",
            ));
        }
        if self.concurrency == 0 {
            return Err(String::from("concurrency must be at least 1"));
        }
        if self.lease_duration.length().as_secs() < 9 {
            return Err(String::from("leaseDuration must be at least 9s"));
        }
        for (at, connection) in self.connections.iter().enumerate() {
            let twice = self
                .connections
                .iter()
                .take(at)
                .any(|other| other.name == connection.name);
            if twice {
                return Err(format!("two connections are named {:?}", connection.name));
            }
            connection.endpoint()?;
        }
        Ok(())
    }

    /// The connection a Portfolio means, if it is offered to its namespace.
    ///
    /// # Errors
    /// A sentence that says which are offered.
    pub fn connection(
        &self,
        namespace: &str,
        name: Option<&str>,
    ) -> Result<&ConnectionConfig, String> {
        let offered: Vec<&ConnectionConfig> = self
            .connections
            .iter()
            .filter(|connection| connection.is_offered_to(namespace))
            .collect();
        let names = || {
            let names: Vec<&str> = offered.iter().map(|offer| offer.name.as_str()).collect();
            if names.is_empty() {
                String::from("none")
            } else {
                names.join(", ")
            }
        };
        match (name, offered.as_slice()) {
            (Some(name), offered) => offered
                .iter()
                .find(|connection| connection.name == name)
                .copied()
                .ok_or_else(|| {
                    format!(
                        "no DOOR OS connection \"{name}\" is offered to the namespace {namespace}; offered: {}",
                        names()
                    )
                }),
            (None, [only]) => Ok(only),
            (None, []) => Err(format!(
                "no DOOR OS connection is offered to the namespace {namespace}"
            )),
            (None, _) => Err(format!(
                "several DOOR OS connections are offered to the namespace {namespace} ({}); name one in spec.connection",
                names()
            )),
        }
    }
}

impl ConnectionConfig {
    fn default_rate() -> NonZeroU32 {
        NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN)
    }

    fn is_offered_to(&self, namespace: &str) -> bool {
        self.allowed_namespaces
            .iter()
            .any(|allowed| allowed == "*" || allowed == namespace)
    }

    /// Its address, if it is one that may be used.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub fn endpoint(&self) -> Result<Endpoint, String> {
        let of = |why: String| format!("connection \"{}\": {why}", self.name);
        let endpoint: Endpoint = self
            .url
            .parse()
            .map_err(|error: opendoor_door_os::EndpointError| of(error.to_string()))?;
        if endpoint.is_loopback() && !self.allow_loopback {
            return Err(of(String::from(
                "its address is this machine, which needs allowLoopback: true",
            )));
        }
        let literal = endpoint.address().filter(|_| !endpoint.is_loopback());
        if literal.is_some_and(|address| !self.addresses().permit(address)) {
            return Err(of(String::from(
                "its address is in a private, local or reserved network; list the network in allowedAddresses if DOOR OS \
                 really is there",
            )));
        }
        Ok(endpoint)
    }

    /// Where the client may connect to.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        let mut listed = self.allowed_addresses.clone();
        if self.allow_loopback {
            listed.extend(
                ["127.0.0.0/8", "::1/128"]
                    .iter()
                    .filter_map(|net| net.parse::<IpNet>().ok()),
            );
        }
        Addresses::PublicAnd(listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(url: &str, more: &str) -> Result<Config, String> {
        Config::parse(&format!(
            "connections:\n  - name: door\n    url: {url}\n    allowedNamespaces: [\"*\"]\n{more}"
        ))
    }

    #[test]
    fn a_private_or_local_address_is_refused_in_every_spelling() {
        for url in [
            "https://10.0.0.1",
            "https://167772161",
            "https://0x0a000001",
            "https://012.0.0.1",
            "https://0300.0250.1.1",
            "https://169.254.169.254/latest",
            "https://[::ffff:10.0.0.1]",
            "https://[fe80::1]",
            "https://[64:ff9b::a9fe:a9fe]",
            "https://127.0.0.1",
            "https://2130706433",
            "https://[::1]",
            "https://localhost",
            "http://door.example",
            "https://user:hunter2@door.example",
            "https://door.example?x=1",
        ] {
            let refused = one(&format!("\"{url}\""), "").expect_err(url);
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        assert!(one("https://door.example", "").is_ok());
    }

    #[test]
    fn a_listed_network_and_loopback_are_allowed_only_as_written() {
        assert!(
            one(
                "https://10.20.0.1",
                "    allowedAddresses: [10.20.0.0/16]\n"
            )
            .is_ok()
        );
        assert!(
            one(
                "https://10.21.0.1",
                "    allowedAddresses: [10.20.0.0/16]\n"
            )
            .is_err()
        );
        assert!(one("http://127.0.0.1:8080", "    allowLoopback: true\n").is_ok());
    }

    #[test]
    fn a_role_binding_is_kept_only_in_namespaces_that_are_listed() {
        let nowhere = one("https://door.example", "roleBinding: opendoor\n").unwrap_err();
        assert!(nowhere.contains("roleBinding"), "{nowhere}");
        let listed = "namespaces: [harbor]\nroleBinding: opendoor\n";
        let config = one("https://door.example", listed).unwrap();
        assert_eq!(config.role_binding.as_deref(), Some("opendoor"));
    }

    #[test]
    fn unknown_keys_and_doubles_are_refused_with_their_place() {
        let unknown = one("https://door.example", "    alowLoopback: true\n").unwrap_err();
        assert!(unknown.contains("alowLoopback"), "{unknown}");
        let twice = Config::parse(
            "connections:\n  - {name: a, url: \"https://a.example\", allowedNamespaces: []}\n  - {name: a, url: \"https://b.example\", allowedNamespaces: []}\n",
        );
        assert!(twice.unwrap_err().contains("two connections"));
    }

    #[test]
    fn a_connection_is_offered_only_to_its_namespaces() {
        let config = Config::parse(
            "connections:\n  - {name: a, url: \"https://a.example\", allowedNamespaces: [one]}\n  - {name: b, url: \"https://b.example\", allowedNamespaces: [one, two]}\n",
        )
        .unwrap();
        assert_eq!(config.connection("two", None).unwrap().name, "b");
        assert_eq!(config.connection("one", Some("a")).unwrap().name, "a");
        assert!(
            config
                .connection("two", Some("a"))
                .unwrap_err()
                .contains("offered: b")
        );
        assert!(
            config
                .connection("one", None)
                .unwrap_err()
                .contains("several")
        );
        assert!(config.connection("three", None).is_err());
    }
}
