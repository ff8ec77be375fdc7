//! What a DOOR OS answers.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| opendoor_fuzz::answers::check(data));
