//! What must hold for any input whatsoever. The fuzz targets and the replay of the kept corpus run the same code.

pub mod answers;
pub mod table;
pub mod yaml;

/// A message is one line, whatever the input that it is about.
fn one_line(message: &str) {
    assert!(!message.is_empty(), "an empty message");
    assert!(!message.contains(['\n', '\r']), "{message:?}");
}
