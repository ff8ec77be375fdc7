//! The client id and secret of a manager's API client, and where they come from.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// A client secret. Prints as nothing and is overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What the token endpoint asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The API client's id.
    pub client_id: String,
    /// Its secret.
    pub secret: Secret,
}

/// Where credentials come from. Asked each time a token is fetched, so that a rotated secret is
/// used without a restart.
pub trait CredentialsSource: Send + Sync {
    /// The credentials as they are now.
    ///
    /// # Errors
    ///
    /// A sentence for a person that says what is missing. It must not contain the secret.
    fn read(&self) -> Result<Credentials, String>;
}

impl CredentialsSource for Credentials {
    fn read(&self) -> Result<Credentials, String> {
        Ok(self.clone())
    }
}

impl<F> CredentialsSource for F
where
    F: Fn() -> Result<Credentials, String> + Send + Sync,
{
    fn read(&self) -> Result<Credentials, String> {
        self()
    }
}

/// A fixed client id with the secret in a file, as a mounted secret is.
#[derive(Clone, Debug)]
pub struct SecretFile {
    /// The API client's id.
    pub client_id: String,
    /// The file. Its trailing line break is not part of the secret.
    pub path: PathBuf,
}

impl CredentialsSource for SecretFile {
    fn read(&self) -> Result<Credentials, String> {
        let text = std::fs::read_to_string(&self.path)
            .map(Zeroizing::new)
            .map_err(|error| {
                format!(
                    "the client secret file {} cannot be read: {error}",
                    self.path.display()
                )
            })?;
        Ok(Credentials {
            client_id: self.client_id.clone(),
            secret: Secret::new(text.trim_end_matches(['\r', '\n'])),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_nothing() {
        let credentials = Credentials {
            client_id: "demo".into(),
            secret: Secret::new("hunter2"),
        };
        let printed = format!("{credentials:?}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn a_missing_secret_file_is_named() {
        let source = SecretFile {
            client_id: "demo".into(),
            path: "/nonexistent/secret".into(),
        };
        let message = source.read().expect_err("no such file");
        assert!(message.contains("/nonexistent/secret"), "{message}");
    }
}
