//! The lines of a plan, in whatever form: a mark, what, the change, where it was declared, and what to
//! know about it.

use opendoor_planner::plan::{Action, HandMade, KeySettings, Refusal, Step, Value};
use opendoor_planner::reasons::{Class, Reason};

use super::refused;
use super::settings::{Changed, difference};
use super::view::{Became, Outside};
use super::words::{clean, count, place};

/// How a line sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something is added.
    Add,
    /// Something goes.
    Remove,
    /// Something changes, or is worth knowing.
    Change,
    /// A person is asked, or it cannot be told.
    Ask,
    /// It is refused.
    Refuse,
}

/// One line of a plan, and what is written under it.
#[derive(Clone, Debug)]
pub struct Row {
    /// `+`, `-`, `~`, `!`, `x` or `?`.
    pub mark: char,
    /// How it sounds.
    pub tone: Tone,
    /// The door, key or object.
    pub what: String,
    /// What changes.
    pub change: String,
    /// Where it is declared.
    pub place: String,
    /// What to know about it.
    pub remark: String,
    /// The remark must not be overlooked.
    pub strong: bool,
    /// A message for under the line.
    pub message: String,
    /// A key's settings that differ.
    pub difference: Vec<Changed>,
}

impl Row {
    /// A step, and what became of it.
    #[must_use]
    pub fn of_step(step: &Step, became: Option<Became<'_>>) -> Self {
        let (mark, tone) = mark(step.action, step.held.is_some());
        Self {
            mark,
            tone,
            what: what(step),
            change: change(step),
            place: place(&step.cause, false),
            remark: remark(step, became),
            strong: step.held.is_some()
                || matches!(
                    became,
                    Some(Became::Refused(_) | Became::Unknown | Became::NotSent(_))
                ),
            message: match became {
                Some(Became::Refused(code)) => refused::message(step, code),
                _ => String::new(),
            },
            difference: difference(&step.before, &step.after),
        }
    }

    /// A refusal.
    #[must_use]
    pub fn of_refusal(refusal: &Refusal) -> Self {
        let (kind, name) = (&refusal.cause.kind, &refusal.cause.name);
        Self {
            what: clean(&format!("{kind} {name}")).into_owned(),
            place: place(&refusal.cause, true),
            ..Self::wrong(Some(refusal.reason), &refusal.message)
        }
    }

    /// Something wrong beside any plan.
    #[must_use]
    pub fn of_problem(problem: &Outside) -> Self {
        let object = problem
            .cause
            .as_ref()
            .map(|cause| format!("{} {}", cause.kind, cause.name))
            .filter(|object| object.trim() != "");
        let mut row = Self::wrong(problem.reason, &problem.message);
        if problem.failed {
            row = Self {
                remark: problem
                    .reason
                    .map_or_else(|| String::from("ERROR"), |reason| format!("ERROR {reason}")),
                ..Self::wrong(None, &problem.message)
            };
        }
        let about = match (object, &problem.property) {
            (Some(object), _) => object,
            (None, Some(property)) => format!("Property {property}"),
            (None, None) => {
                row.mark = '?';
                row.tone = Tone::Ask;
                row.remark = problem.reason.map_or_else(
                    || String::from("CANNOT READ"),
                    |reason| format!("CANNOT READ {reason}"),
                );
                String::from("File")
            }
        };
        Self {
            what: clean(&about).into_owned(),
            place: problem
                .cause
                .as_ref()
                .map_or_else(String::new, |cause| place(cause, true)),
            ..row
        }
    }

    /// What we applied and somebody changed.
    #[must_use]
    pub fn of_drifted(made: &HandMade) -> Self {
        Self {
            place: made.owner.as_ref().map_or_else(String::new, |owner| {
                format!("{}/{}", owner.kind.as_str(), owner.name)
            }),
            ..Self::by_hand('~', made, Reason::Drifted)
        }
    }

    /// Access that nothing declares.
    #[must_use]
    pub fn of_unmanaged(made: &HandMade) -> Self {
        Self::by_hand('?', made, Reason::Unmanaged)
    }

    fn by_hand(mark: char, made: &HandMade, reason: Reason) -> Self {
        Self {
            mark,
            tone: Tone::Change,
            what: clean(&made.what).into_owned(),
            change: clean(&made.partner).into_owned(),
            place: String::new(),
            remark: format!("{reason}: {}", clean(&made.change)),
            strong: false,
            message: String::new(),
            difference: Vec::new(),
        }
    }

    fn wrong(reason: Option<Reason>, message: &str) -> Self {
        let (mark, tone, word) = match reason.map(Reason::class) {
            Some(Class::CannotTell) => ('?', Tone::Ask, "CANNOT TELL"),
            Some(Class::Held) => ('!', Tone::Ask, "HELD"),
            Some(Class::Working) => ('~', Tone::Change, "WAITS"),
            Some(Class::Waiting | Class::Noted | Class::Fine) => ('~', Tone::Change, "NOTED"),
            Some(Class::Refused) => ('x', Tone::Refuse, "REFUSED"),
            None => ('x', Tone::Refuse, "ERROR"),
        };
        Self {
            mark,
            tone,
            what: String::new(),
            change: String::new(),
            place: String::new(),
            remark: reason.map_or_else(|| word.to_owned(), |reason| format!("{word} {reason}")),
            strong: true,
            message: message.to_owned(),
            difference: Vec::new(),
        }
    }
}

/// How a step is marked.
#[must_use]
pub fn mark(action: Action, held: bool) -> (char, Tone) {
    match action {
        _ if held => ('!', Tone::Ask),
        Action::AssignDoor | Action::CreateKey => ('+', Tone::Add),
        Action::RemoveDoor | Action::DeleteKey => ('-', Tone::Remove),
        Action::ChangeDoor | Action::ConvertKey | Action::UpdateKey => ('~', Tone::Change),
    }
}

/// What a step does beside the change itself.
#[derive(Clone, Copy, Debug)]
pub struct Effects<'a> {
    /// What it does.
    pub action: Action,
    /// It cannot be undone.
    pub irreversible: bool,
    /// How many people hold the key; `None`: it is a door, or it cannot be told.
    pub holders: Option<u32>,
    /// It puts back what somebody changed by hand.
    pub restores: bool,
    /// Doors to visit afterwards.
    pub visits: usize,
    /// They are known to be offline.
    pub offline: bool,
    /// Who opens them until then.
    pub loser: &'a str,
}

impl Effects<'_> {
    /// The effects in words.
    #[must_use]
    pub fn words(self) -> Vec<String> {
        let mut parts = Vec::new();
        match self.action {
            Action::CreateKey => parts.push(String::from("its partner can never change")),
            Action::ConvertKey => {
                parts.push(String::from("for good: its partner can never change"));
            }
            _ if self.irreversible => parts.push(String::from("for good")),
            _ => {}
        }
        match (self.holders, self.action) {
            (Some(0), _) => {}
            (Some(1), _) => parts.push(String::from("1 person holds it")),
            (Some(holders), _) => parts.push(format!("{holders} people hold it")),
            (None, Action::DeleteKey) => {
                parts.push(String::from("it cannot be told who holds it"));
            }
            (None, _) => {}
        }
        if self.restores {
            parts.push(String::from("puts back what was changed by hand"));
        }
        if self.visits > 0 {
            let them = if self.visits == 1 { "it" } else { "them" };
            let offline = if self.offline { "offline: " } else { "" };
            parts.push(format!(
                "{offline}{}; {} opens {them} until then",
                count(self.visits, "visit", "visits"),
                clean(self.loser)
            ));
        }
        parts
    }
}

/// What a step is about.
fn what(step: &Step) -> String {
    match (&step.key, &step.door) {
        (Some(key), _) => format!("key \"{}\"", clean(&key.name)),
        (None, Some(door)) => clean(&door.name).into_owned(),
        (None, None) => String::new(),
    }
}

/// What changes, in a few words.
fn change(step: &Step) -> String {
    let text = match (&step.before, &step.after) {
        (Value::Key(before), Value::Key(after)) => key_change(before, after),
        (Value::None, Value::Key(after)) if step.held.is_none() => key(after),
        (Value::None, Value::Partner(after)) if step.held.is_none() => after.clone(),
        (before, after) => format!("{} -> {}", short(before), short(after)),
    };
    clean(&text).into_owned()
}

fn short(value: &Value) -> String {
    match value {
        Value::None => String::from("none"),
        Value::Partner(partner) => partner.clone(),
        Value::Key(settings) => key(settings),
    }
}

fn key(settings: &KeySettings) -> String {
    let doors = count(settings.doors.len(), "door", "doors");
    format!(
        "{}, {doors}",
        settings.partner.as_deref().unwrap_or("nobody")
    )
}

fn key_change(before: &KeySettings, after: &KeySettings) -> String {
    let partner = |settings: &KeySettings| {
        let nobody = || String::from("nobody");
        settings.partner.clone().unwrap_or_else(nobody)
    };
    let who = if before.partner == after.partner {
        partner(after)
    } else {
        format!("{} -> {}", partner(before), partner(after))
    };
    let (had, has) = (before.doors.len(), after.doors.len());
    if had == has {
        format!("{who}, {}", count(has, "door", "doors"))
    } else {
        format!("{who}, {had} -> {}", count(has, "door", "doors"))
    }
}

/// What to know about a step.
fn remark(step: &Step, became: Option<Became<'_>>) -> String {
    let mut parts: Vec<String> = Vec::new();
    match became {
        Some(Became::Refused(code)) => parts.push(format!("REFUSED by DOOR OS: {}", clean(code))),
        Some(Became::Unknown) => parts.push(format!("ANSWER LOST {}", Reason::OutcomeUnknown)),
        Some(Became::NotSent(why)) => parts.push(format!("NOT SENT: {}", clean(why))),
        Some(Became::Skipped) => parts.push(String::from("not performed")),
        Some(Became::Applied | Became::Held) | None => {}
    }
    if let Some(reason) = step.held {
        parts.push(format!("HELD {reason}"));
    }
    let effects = Effects {
        action: step.action,
        irreversible: step.irreversible,
        holders: step.holders_affected,
        restores: step.restores,
        visits: step.visits.len(),
        offline: step.offline,
        loser: loser(step),
    };
    parts.extend(effects.words());
    if !step.still_opens_by.is_empty() {
        parts.push(format!(
            "still opens by {}",
            clean(&step.still_opens_by.join(", "))
        ));
    }
    parts.join("; ")
}

/// Who loses access by a step.
fn loser(step: &Step) -> &str {
    match &step.before {
        Value::Partner(partner) => partner,
        Value::Key(key) => key.partner.as_deref().unwrap_or(&step.partner),
        Value::None => &step.partner,
    }
}
