//! From what was found to what is printed. Pure: nothing here reads, asks or writes.

pub mod change;
pub mod clicks;
pub mod cluster;
pub mod email;
pub mod html;
pub mod json;
pub mod markdown;
pub mod refused;
pub mod rows;
pub mod settings;
pub mod status;
pub mod style;
pub mod tables;
pub mod text;
pub mod view;
pub mod waiting;
pub mod words;

#[cfg(test)]
pub mod samples;
