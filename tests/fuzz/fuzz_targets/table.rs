//! A table of doors.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| opendoor_fuzz::table::check(data));
