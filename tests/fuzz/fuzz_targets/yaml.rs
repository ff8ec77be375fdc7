//! A file of declarations.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| opendoor_fuzz::yaml::check(data));
