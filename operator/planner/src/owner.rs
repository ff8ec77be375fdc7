//! Who a change belongs to: the object that declares it, and where a person finds that object.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Kinds whose objects can cause a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwnerKind {
    /// A set of doors for a partner.
    DoorAssignment,
    /// A partner key.
    PartnerKey,
    /// The property itself (removal of access added by hand).
    Property,
}

impl OwnerKind {
    /// The kind's name in YAML.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DoorAssignment => "DoorAssignment",
            Self::PartnerKey => "PartnerKey",
            Self::Property => "Property",
        }
    }
}

/// One object. Cheap to clone: every door an object owns names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(Arc<Owner>);

/// What an [`OwnerId`] says. In Kubernetes its uid is part of the identity, so that an object deleted
/// and made again under the same name is another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// Its kind.
    pub kind: OwnerKind,
    /// Its `metadata.name`.
    pub name: String,
    /// Its uid, where the home gives it one.
    pub uid: Option<String>,
}

impl OwnerId {
    /// The object of this kind, name and uid.
    #[must_use]
    pub fn new(kind: OwnerKind, name: impl Into<String>, uid: Option<String>) -> Self {
        let name = name.into();
        Self(Arc::new(Owner { kind, name, uid }))
    }
}

impl Deref for OwnerId {
    type Target = Owner;

    fn deref(&self) -> &Owner {
        &self.0
    }
}

impl From<Owner> for OwnerId {
    fn from(owner: Owner) -> Self {
        Self(Arc::new(owner))
    }
}

/// Looks an [`OwnerId`] up by what it says.
impl Borrow<Owner> for OwnerId {
    fn borrow(&self) -> &Owner {
        &self.0
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)?;
        match &self.uid {
            Some(uid) => write!(f, "@{uid}"),
            None => Ok(()),
        }
    }
}

/// A text that is not an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnOwner;

impl fmt::Display for NotAnOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected KIND/NAME or KIND/NAME@UID")
    }
}

impl FromStr for OwnerId {
    type Err = NotAnOwner;

    fn from_str(text: &str) -> Result<Self, NotAnOwner> {
        let (kind, rest) = text.split_once('/').ok_or(NotAnOwner)?;
        let kind = match kind {
            "DoorAssignment" => OwnerKind::DoorAssignment,
            "PartnerKey" => OwnerKind::PartnerKey,
            "Property" => OwnerKind::Property,
            _ => return Err(NotAnOwner),
        };
        let (name, uid) = match rest.split_once('@') {
            Some((name, uid)) => (name, Some(uid.to_owned())),
            None => (rest, None),
        };
        Ok(Self::new(kind, name, uid))
    }
}

impl Serialize for OwnerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OwnerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Where a person finds what caused something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    /// Kind of the object.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The file it is (or was) declared in.
    pub file: Option<String>,
    /// The line; `None` when the file is gone.
    pub line: Option<u32>,
    /// The column on that line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<u32>,
}

impl Cause {
    /// The cause for an owner whose place is not known.
    #[must_use]
    pub fn of(owner: &OwnerId) -> Self {
        Self {
            kind: owner.kind.as_str().to_owned(),
            name: owner.name.clone(),
            file: None,
            line: None,
            column: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_survives_its_text_form() {
        for uid in [None, Some("3c0c4f2e".to_owned())] {
            let owner = OwnerId::new(OwnerKind::PartnerKey, "vacant-tours", uid);
            assert_eq!(owner.to_string().parse(), Ok(owner));
        }
        assert_eq!("Door/x".parse::<OwnerId>(), Err(NotAnOwner));
        assert_eq!("PartnerKey".parse::<OwnerId>(), Err(NotAnOwner));
    }
}
