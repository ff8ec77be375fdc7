//! A door's record as it is written: by position, so that a field's place here is its name. It is
//! spelled out apart from the record itself, so that no change there changes what is on disk unseen.

use std::collections::HashSet;

use jiff::Timestamp;
use opendoor_planner::ids::{KeyUuid, PartnerUuid};
use opendoor_planner::ledger::{
    Claim, DoorRecord, EntryVia, Gone, Inherited, MayOpen, Seen, UnknownHistory, UnknownWhy,
};
use opendoor_planner::observed::Vacancy;
use opendoor_planner::owner::{Owner as Said, OwnerId, OwnerKind};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use uuid::Uuid;

use super::{Id, RecordError, damaged, id};

/// Owners read so far: an object that owns many doors is held once for all of them.
#[derive(Default)]
pub(crate) struct Owners(HashSet<OwnerId>);

impl Owners {
    fn one(&mut self, owner: Said) -> OwnerId {
        if let Some(known) = self.0.get(&owner) {
            return known.clone();
        }
        let new = OwnerId::from(owner);
        self.0.insert(new.clone());
        new
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Door<'a> {
    name: Option<&'a str>,
    #[serde(borrow)]
    claims: Vec<StoredClaim<'a>>,
    seen: Option<StoredSeen<'a>>,
    may_open: Vec<Entry<'a>>,
    unknown: Option<Unknown>,
}

#[derive(Serialize, Deserialize)]
struct StoredClaim<'a> {
    partner: Id,
    #[serde(borrow)]
    owners: Vec<Owner<'a>>,
    held: bool,
}

#[derive(Serialize, Deserialize)]
struct Owner<'a> {
    kind: Kind,
    name: &'a str,
    uid: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
enum Kind {
    DoorAssignment,
    PartnerKey,
    Property,
}

#[derive(Serialize, Deserialize)]
struct StoredSeen<'a> {
    version: i64,
    access_revision: i64,
    lock_revision: Option<i64>,
    serial: Option<&'a str>,
    state: State,
    inherited: Option<(i64, Option<Moment>)>,
}

/// Whether it is proven, in the lowest bit, which was all there was in format 1; and in the next two
/// what is known of its unit: nothing, vacant, occupied.
#[derive(Serialize, Deserialize)]
struct State(u8);

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    partner: Id,
    via: Via,
    revision: Option<i64>,
    intent: Option<u64>,
    gone_since: Option<Moment>,
    #[serde(borrow)]
    cause: Option<Owner<'a>>,
    attested: Option<Moment>,
}

#[derive(Serialize, Deserialize)]
enum Via {
    Door,
    Key(Id),
    NewKey,
}

#[derive(Serialize, Deserialize)]
struct Unknown {
    since: Moment,
    why: Why,
    attested: Option<Moment>,
}

#[derive(Serialize, Deserialize)]
enum Why {
    FirstContact,
    MissedChange,
    NewDevice,
    LockFellBack,
}

/// Seconds since 1970, and nanoseconds of the same sign.
#[derive(Serialize, Deserialize)]
struct Moment(i64, i32);

impl<'a> Door<'a> {
    pub(super) fn of(record: &'a DoorRecord) -> Self {
        let DoorRecord {
            name,
            claims,
            seen,
            may_open,
            unknown,
        } = record;
        Self {
            name: name.as_deref(),
            claims: claims.iter().map(StoredClaim::of).collect(),
            seen: seen.as_ref().map(StoredSeen::of),
            may_open: may_open.iter().map(Entry::of).collect(),
            unknown: unknown.as_deref().map(Unknown::of),
        }
    }

    pub(super) fn record(self, owners: &mut Owners) -> Result<DoorRecord, RecordError> {
        let claims = self.claims.into_iter().map(|claim| claim.claim(owners));
        let claims = claims.collect();
        let may_open = self.may_open.into_iter().map(|entry| entry.entry(owners));
        let may_open = may_open.collect::<Result<_, _>>()?;
        Ok(DoorRecord {
            name: self.name.map(Box::from),
            claims,
            seen: self.seen.map(StoredSeen::seen).transpose()?,
            may_open,
            unknown: self
                .unknown
                .map(|unknown| unknown.unknown().map(Box::new))
                .transpose()?,
        })
    }
}

impl<'a> StoredClaim<'a> {
    fn of(claim: &'a Claim) -> Self {
        let Claim {
            partner,
            owners,
            held,
        } = claim;
        Self {
            partner: id(partner.0),
            owners: owners.iter().map(Owner::of).collect(),
            held: *held,
        }
    }

    fn claim(self, owners: &mut Owners) -> Claim {
        Claim {
            partner: PartnerUuid(Uuid::from_bytes(self.partner)),
            owners: self
                .owners
                .into_iter()
                .map(|owner| owner.owner(owners))
                .collect(),
            held: self.held,
        }
    }
}

impl<'a> Owner<'a> {
    fn of(owner: &'a OwnerId) -> Self {
        let Said { kind, name, uid } = &**owner;
        Self {
            kind: match kind {
                OwnerKind::DoorAssignment => Kind::DoorAssignment,
                OwnerKind::PartnerKey => Kind::PartnerKey,
                OwnerKind::Property => Kind::Property,
            },
            name,
            uid: uid.as_deref(),
        }
    }

    fn owner(self, owners: &mut Owners) -> OwnerId {
        owners.one(Said {
            kind: match self.kind {
                Kind::DoorAssignment => OwnerKind::DoorAssignment,
                Kind::PartnerKey => OwnerKind::PartnerKey,
                Kind::Property => OwnerKind::Property,
            },
            name: self.name.to_owned(),
            uid: self.uid.map(str::to_owned),
        })
    }
}

impl<'a> StoredSeen<'a> {
    fn of(seen: &'a Seen) -> Self {
        let Seen {
            version,
            access_revision,
            lock_revision,
            serial,
            proven,
            vacancy,
            inherited,
        } = seen;
        Self {
            version: *version,
            access_revision: *access_revision,
            lock_revision: *lock_revision,
            serial: serial.as_deref(),
            state: State::of(*proven, *vacancy),
            inherited: inherited.as_deref().map(|inherited| {
                let Inherited {
                    lock_revision,
                    last_full_sync,
                } = inherited;
                (*lock_revision, last_full_sync.map(Moment::of))
            }),
        }
    }

    fn seen(self) -> Result<Seen, RecordError> {
        let inherited = match self.inherited {
            Some((lock_revision, last_full_sync)) => Some(Box::new(Inherited {
                lock_revision,
                last_full_sync: moment(last_full_sync)?,
            })),
            None => None,
        };
        let (proven, vacancy) = self.state.read()?;
        Ok(Seen {
            version: self.version,
            access_revision: self.access_revision,
            lock_revision: self.lock_revision,
            serial: self.serial.map(SmolStr::from),
            proven,
            vacancy,
            inherited,
        })
    }
}

impl State {
    fn of(proven: bool, vacancy: Option<Vacancy>) -> Self {
        let vacancy = match vacancy {
            None => 0,
            Some(Vacancy::Vacant) => 1,
            Some(Vacancy::Occupied) => 2,
        };
        Self(u8::from(proven) | (vacancy << 1))
    }

    fn read(self) -> Result<(bool, Option<Vacancy>), RecordError> {
        let vacancy = match self.0 >> 1 {
            0 => None,
            1 => Some(Vacancy::Vacant),
            2 => Some(Vacancy::Occupied),
            _ => return Err(damaged("a unit is neither vacant nor occupied")),
        };
        Ok((self.0 & 1 == 1, vacancy))
    }
}

impl<'a> Entry<'a> {
    fn of(entry: &'a MayOpen) -> Self {
        let gone = entry.gone.as_deref();
        Self {
            partner: id(entry.partner.0),
            via: match entry.via {
                EntryVia::Door => Via::Door,
                EntryVia::Key(key) => Via::Key(id(key.0)),
                EntryVia::NewKey => Via::NewKey,
            },
            revision: entry.revision(),
            intent: entry.intent(),
            gone_since: gone.map(|gone| Moment::of(gone.since)),
            cause: gone.and_then(|gone| gone.cause.as_ref()).map(Owner::of),
            attested: gone.and_then(|gone| gone.attested).map(Moment::of),
        }
    }

    fn entry(self, owners: &mut Owners) -> Result<MayOpen, RecordError> {
        let gone = match (self.gone_since, self.cause, self.attested) {
            (Some(since), cause, attested) => Some(Box::new(Gone {
                since: since.timestamp()?,
                cause: cause.map(|owner| owner.owner(owners)),
                attested: moment(attested)?,
            })),
            (None, None, None) => None,
            (None, _, _) => return Err(damaged("an entry says who took it away, but not when")),
        };
        let partner = PartnerUuid(Uuid::from_bytes(self.partner));
        let via = match self.via {
            Via::Door => EntryVia::Door,
            Via::Key(key) => EntryVia::Key(KeyUuid(Uuid::from_bytes(key))),
            Via::NewKey => EntryVia::NewKey,
        };
        let entry = match (self.revision, self.intent) {
            (Some(revision), None) => MayOpen::shown(partner, via, revision),
            (None, Some(intent)) => MayOpen::intended(partner, via, intent),
            (None, None) => MayOpen::unseen(partner, via),
            (Some(_), Some(_)) => return Err(damaged("an entry is both shown and intended")),
        };
        Ok(entry.owing(gone))
    }
}

impl Unknown {
    fn of(unknown: &UnknownHistory) -> Self {
        let UnknownHistory {
            since,
            why,
            attested,
        } = unknown;
        Self {
            since: Moment::of(*since),
            why: match why {
                UnknownWhy::FirstContact => Why::FirstContact,
                UnknownWhy::MissedChange => Why::MissedChange,
                UnknownWhy::NewDevice => Why::NewDevice,
                UnknownWhy::LockFellBack => Why::LockFellBack,
            },
            attested: attested.map(Moment::of),
        }
    }

    fn unknown(self) -> Result<UnknownHistory, RecordError> {
        Ok(UnknownHistory {
            since: self.since.timestamp()?,
            why: match self.why {
                Why::FirstContact => UnknownWhy::FirstContact,
                Why::MissedChange => UnknownWhy::MissedChange,
                Why::NewDevice => UnknownWhy::NewDevice,
                Why::LockFellBack => UnknownWhy::LockFellBack,
            },
            attested: moment(self.attested)?,
        })
    }
}

impl Moment {
    fn of(at: Timestamp) -> Self {
        Self(at.as_second(), at.subsec_nanosecond())
    }

    fn timestamp(self) -> Result<Timestamp, RecordError> {
        Timestamp::new(self.0, self.1).map_err(damaged)
    }
}

fn moment(stored: Option<Moment>) -> Result<Option<Timestamp>, RecordError> {
    stored.map(Moment::timestamp).transpose()
}
