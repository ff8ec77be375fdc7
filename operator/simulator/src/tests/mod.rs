//! Tests through `handle`.
