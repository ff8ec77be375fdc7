//! Everything declared at one moment, wherever it comes from.

use std::collections::{BTreeMap, BTreeSet};

use opendoor_api::{DeletionPolicy, Resource};
use opendoor_planner::declared::{Places, Problem};
use opendoor_planner::owner::{Cause, OwnerId};

/// Everything declared at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Valid objects, in the order of their files.
    pub objects: Vec<Object>,
    /// Objects that are there and not valid.
    pub broken: Vec<Broken>,
    /// What could not be read or parsed at all.
    pub unreadable: Vec<Unreadable>,
    /// Folders, relative to the root (`""`), that hold at least one document of ours.
    pub folders: BTreeSet<String>,
    /// Files and documents that were skipped, and why.
    pub notes: Vec<String>,
    /// Objects that are being deleted, with what they say of their access, where the home knows. Then
    /// an object that is neither declared nor here is missing, not removed.
    pub deleted: Option<BTreeMap<OwnerId, DeletionPolicy>>,
}

/// A valid object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// What it says.
    pub resource: Resource,
    /// Its uid, where its home gives it one.
    pub uid: Option<String>,
    /// Where it is.
    pub cause: Cause,
    /// Where its fields are.
    pub places: Places,
}

/// An object that is there and not valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// Its kind as written.
    pub kind: String,
    /// Its name, if it can be told.
    pub name: Option<String>,
    /// Its uid, where its home gives it one.
    pub uid: Option<String>,
    /// The Property it refers to, if it can be told.
    pub property: Option<String>,
    /// Where it is.
    pub cause: Cause,
    /// All that is wrong with it.
    pub problems: Vec<Problem>,
}

/// A file or document that could not be read at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    /// The file or folder, relative to the root.
    pub file: String,
    /// The line, if there is one.
    pub line: Option<u32>,
    /// The column on it.
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// What the file holds as text, if it is text: an object named in it may be one of ours.
    pub text: Option<String>,
}

impl Snapshot {
    /// Whether there is nothing of ours, readable or not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.broken.is_empty() && self.unreadable.is_empty()
    }
}
