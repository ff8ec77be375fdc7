//! The times in which a key works.

use opendoor_api::PartnerKeySpec;

use crate::observed::{Day, Interval};

/// What a PartnerKey says, in the order in which DOOR OS's rows are kept.
#[must_use]
pub fn schedule(spec: &PartnerKeySpec) -> Vec<Interval> {
    let mut schedule: Vec<Interval> = spec
        .schedule
        .iter()
        .map(|entry| {
            let mut days: Vec<Day> = entry.days.iter().map(|day| day_of(*day)).collect();
            days.sort_unstable();
            days.dedup();
            Interval {
                days,
                from: entry.from.clone(),
                to: entry.to.clone(),
            }
        })
        .collect();
    schedule.sort();
    schedule
}

fn day_of(day: opendoor_api::Day) -> Day {
    match day {
        opendoor_api::Day::Monday => Day::Monday,
        opendoor_api::Day::Tuesday => Day::Tuesday,
        opendoor_api::Day::Wednesday => Day::Wednesday,
        opendoor_api::Day::Thursday => Day::Thursday,
        opendoor_api::Day::Friday => Day::Friday,
        opendoor_api::Day::Saturday => Day::Saturday,
        opendoor_api::Day::Sunday => Day::Sunday,
    }
}

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

/// Whether a schedule allows every minute that another one does. An empty one allows all.
pub(crate) fn covers(wide: &[Interval], narrow: &[Interval]) -> bool {
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
        narrow
            .iter()
            .filter(|one| one.days.contains(day))
            .all(|one| {
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
            (
                &[("12:00", "18:00"), ("08:00", "12:00")],
                &[("09:00", "17:00")],
                true,
            ),
            (
                &[("08:00", "11:00"), ("12:00", "18:00")],
                &[("09:00", "17:00")],
                false,
            ),
        ] {
            assert_eq!(
                covers(&hours(wide), &hours(narrow)),
                is_covered,
                "{wide:?} {narrow:?}"
            );
        }
    }
}
