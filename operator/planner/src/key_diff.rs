//! What a change of a key's settings amounts to.

use crate::ids::DoorUuid;
use crate::key_wants::KeyWant;
use crate::ledger::KeyRecord;
use crate::observed::{Day, Interval, KeyDoor, KeyRow};
use crate::writes::KeyPatch;

/// A schedule's interval in words.
pub(crate) fn interval_words(interval: &Interval) -> String {
    let days: Vec<&str> = interval
        .days
        .iter()
        .map(|day| match day {
            Day::Monday => "Mon",
            Day::Tuesday => "Tue",
            Day::Wednesday => "Wed",
            Day::Thursday => "Thu",
            Day::Friday => "Fri",
            Day::Saturday => "Sat",
            Day::Sunday => "Sun",
        })
        .collect();
    format!("{} {}-{}", days.join(" "), interval.from, interval.to)
}

/// The doors of a key after a patch.
pub(crate) fn after_patch(row: &KeyRow, patch: &KeyPatch) -> Vec<KeyDoor> {
    let mut doors: Vec<KeyDoor> = row
        .doors
        .iter()
        .filter(|entry| !patch.remove_doors.contains(&entry.door))
        .map(|entry| {
            patch
                .doorcodes
                .iter()
                .find(|changed| changed.door == entry.door)
                .copied()
                .unwrap_or(*entry)
        })
        .chain(patch.add_doors.iter().copied())
        .collect();
    doors.sort_unstable();
    doors
}

/// Doors at which the key's access shrinks: taken out, doorcodes switched off, or a time in which the
/// key no longer works.
pub(crate) fn narrowed(row: &KeyRow, patch: &KeyPatch) -> Vec<DoorUuid> {
    if row.partner.is_none() {
        return Vec::new();
    }
    let mut doors = patch.remove_doors.clone();
    doors.extend(
        patch
            .doorcodes
            .iter()
            .filter(|entry| !entry.doorcodes)
            .map(|entry| entry.door),
    );
    if patch
        .schedule
        .as_ref()
        .is_some_and(|schedule| !covers(schedule, &row.schedule))
    {
        doors.extend(row.doors.iter().map(|entry| entry.door));
    }
    doors.sort_unstable();
    doors.dedup();
    doors
}

/// Whether a schedule allows every minute that another one does. An empty one allows all.
fn covers(wide: &[Interval], narrow: &[Interval]) -> bool {
    const ALL: [Day; 7] = [
        Day::Monday,
        Day::Tuesday,
        Day::Wednesday,
        Day::Thursday,
        Day::Friday,
        Day::Saturday,
        Day::Sunday,
    ];
    let always = [Interval {
        days: ALL.to_vec(),
        from: String::from("00:00"),
        to: String::from("24:00"),
    }];
    let (wide, narrow) = match (wide.is_empty(), narrow.is_empty()) {
        (true, _) => return true,
        (false, true) => (wide, always.as_slice()),
        (false, false) => (wide, narrow),
    };
    ALL.iter().all(|day| {
        let mut open: Vec<&Interval> = wide.iter().filter(|one| one.days.contains(day)).collect();
        open.sort_by(|a, b| a.from.cmp(&b.from));
        narrow.iter().filter(|one| one.days.contains(day)).all(|one| {
            // Times are HH:MM, so they sort as texts.
            let mut reached = one.from.as_str();
            for interval in &open {
                if interval.from.as_str() <= reached && interval.to.as_str() > reached {
                    reached = &interval.to;
                }
            }
            reached >= one.to.as_str()
        })
    })
}

/// A difference that somebody made by hand.
pub(crate) struct Drift {
    pub(crate) words: String,
    /// It took access away.
    pub(crate) taken_away: bool,
}

/// What of a patch puts back something we had and somebody changed by hand.
pub(crate) fn drift(
    record: &KeyRecord,
    want: &KeyWant,
    row: &KeyRow,
    patch: &KeyPatch,
) -> Option<Drift> {
    let owned = |door: DoorUuid| record.door(door);
    let gone = patch
        .add_doors
        .iter()
        .filter(|entry| owned(entry.door).is_some())
        .count();
    let codes: Vec<&KeyDoor> = patch
        .doorcodes
        .iter()
        .filter(|entry| owned(entry.door) == Some(**entry))
        .collect();
    let schedule = patch.schedule.is_some() && record.schedule == want.schedule;
    let narrower = schedule && !covers(&row.schedule, &want.schedule);
    let renamed = patch.name.is_some() && record.name == want.name;
    let mut words = Vec::new();
    if gone > 0 {
        words.push(format!("{gone} doors taken off by hand"));
    }
    if !codes.is_empty() {
        words.push(format!("doorcodes of {} doors changed by hand", codes.len()));
    }
    if schedule {
        words.push(String::from("schedule changed by hand"));
    }
    if renamed {
        words.push(String::from("renamed by hand"));
    }
    if words.is_empty() {
        return None;
    }
    Some(Drift {
        words: words.join(", "),
        taken_away: gone > 0 || codes.iter().any(|entry| entry.doorcodes) || narrower,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(intervals: &[(&str, &str)]) -> Vec<Interval> {
        let interval = |(from, to): &(&str, &str)| Interval {
            days: vec![Day::Monday],
            from: (*from).to_owned(),
            to: (*to).to_owned(),
        };
        intervals.iter().map(interval).collect()
    }

    #[test]
    fn a_schedule_covers_another_when_it_allows_every_minute_of_it() {
        for (wide, narrow, is_covered) in [
            (&[][..], &[("09:00", "17:00")][..], true),
            (&[("09:00", "17:00")], &[], false),
            (&[("08:00", "18:00")], &[("09:00", "17:00")], true),
            (&[("09:00", "17:00")], &[("08:00", "12:00")], false),
            (&[("12:00", "18:00"), ("08:00", "12:00")], &[("09:00", "17:00")], true),
            (&[("08:00", "11:00"), ("12:00", "18:00")], &[("09:00", "17:00")], false),
        ] {
            assert_eq!(covers(&hours(wide), &hours(narrow)), is_covered, "{wide:?} {narrow:?}");
        }
    }
}
