//! Short, stable identifiers made from content.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Twenty hexadecimal digits that depend on every part and on where one part ends.
#[must_use]
pub fn short(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut text = String::with_capacity(20);
    for byte in hasher.finalize().iter().take(10) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(short(&["ab", "c"]), short(&["a", "bc"]));
        assert_eq!(short(&["ab", "c"]), short(&["ab", "c"]));
        assert_eq!(short(&[]).len(), 20);
    }
}
