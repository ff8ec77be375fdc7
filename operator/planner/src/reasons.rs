//! The catalogue of reasons: one definition of each word this product uses to say why.
//!
//! Status, events, plans, `opendoor explain`, documents and alerts all take their words from here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a reason means for whoever waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// All is as declared.
    Fine,
    /// The controller acts by itself within an interval.
    Working,
    /// A rule refused it; it stays refused until something changes.
    Refused,
    /// A person may approve it.
    Held,
    /// People have something to do outside this product. Not a failure.
    Waiting,
    /// It cannot be told; nothing is removed on it.
    CannotTell,
    /// A fact worth knowing.
    Noted,
}

macro_rules! catalogue {
    ($($reason:ident, $class:ident, $meaning:literal, $rule:literal, $fix:literal;)*) => {
        /// Why something is as it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $(#[doc = $meaning] $reason,)*
        }

        impl Reason {
            /// Every reason there is, in the catalogue's order.
            pub const ALL: &'static [Self] = &[$(Self::$reason,)*];

            /// The word itself, as status and JSON print it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$reason => stringify!($reason),)* }
            }

            /// What it means for whoever waits.
            #[must_use]
            pub fn class(self) -> Class {
                match self { $(Self::$reason => Class::$class,)* }
            }

            /// What happened.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$reason => $meaning,)* }
            }

            /// The rule behind it, and where the rule comes from.
            #[must_use]
            pub fn rule(self) -> &'static str {
                match self { $(Self::$reason => $rule,)* }
            }

            /// What to do.
            #[must_use]
            pub fn fix(self) -> &'static str {
                match self { $(Self::$reason => $fix,)* }
            }
        }
    };
}

catalogue! {
    InSync, Fine,
        "DOOR OS holds what is declared.",
        "The plan for this object is empty.",
        "Nothing to do.";
    Progressing, Working,
        "Changes are being made, or are about to be.",
        "The controller acts by itself at the next pass.",
        "Wait one check interval.";
    PartnerImmutable, Refused,
        "The partner of a partner key would change or be cleared.",
        "DOOR OS never changes or clears the partner of a key once it has one; such a key can only be deleted (DOOR help centre 34093878800023).",
        "Put the old partner back. To change partners: declare a new PartnerKey with another keyName, move its holders to it, then delete the old one. Deleting it takes its doorcodes with it.";
    PartnerNotListed, Refused,
        "The partner is not in the Property's spec.partners.",
        "A partner is used only where its Property lists it, so that adding and removing a partner is one reviewed line.",
        "Add the partner to spec.partners of the Property, or correct its name.";
    AwaitingAuthorization, Waiting,
        "DOOR has not authorised the partner at this property yet.",
        "DOOR's integrations team adds a partner to a property after an e-mail from a portfolio manager; until then it is not in the dropdown (DOOR help centre 34093878800023).",
        "Send the e-mail that `opendoor email` prints, from an address with portfolio manager permissions for the property. The assignment follows by itself.";
    DoorClaimedTwice, Refused,
        "Two partners are declared for one door.",
        "DOOR OS's door has one partner dropdown, so one partner per door (inferred from the dropdown). Explicit names beat a selector; else whoever holds the door keeps it; if nobody does, neither gets it.",
        "Remove the door from one of the two objects.";
    DoorHeldByOther, Held,
        "The door already holds another partner that this product did not put there.",
        "Access that somebody gave by hand is not taken away unasked.",
        "Clear the partner in DOOR OS, or approve the change with its hold id, or take the door out of the declaration.";
    DoorNotFound, Refused,
        "No door of that name or uuid is in this building.",
        "A name must be the door's name in DOOR OS, letter for letter.",
        "Correct the name (the message names the nearest ones), or write the door's uuid.";
    DoorAmbiguous, Refused,
        "Several doors of this building have that name.",
        "DOOR OS allows two doors of one name; a guess could open the wrong one.",
        "Write the uuid of the door that is meant; the message lists them.";
    DoorOutsideProperty, Refused,
        "The door belongs to another property.",
        "An object reaches only doors of its own Property.",
        "Declare it under the Property the door belongs to.";
    BuildingNotFound, Refused,
        "No building of that name or uuid may be managed with these credentials.",
        "Spec.building must be a building's name in DOOR OS, letter for letter, or its uuid.",
        "Correct spec.building; `opendoor import` lists the buildings these credentials may manage.";
    BuildingAmbiguous, Refused,
        "Several buildings have that name.",
        "A guess could open a door in the wrong building.",
        "Write the building's uuid.";
    BuildingClaimedTwice, Refused,
        "Another Property already manages this building.",
        "Two owners of one building would undo each other's changes, so only the first one acts.",
        "Keep one Property for the building and delete the other.";
    IdentityChanged, Refused,
        "A name now means another thing in DOOR OS than when it was accepted.",
        "Names are resolved to uuids once. If the name later belongs to another uuid, granting would open another door, and revoking would take access nobody asked to take.",
        "Look at both in DOOR OS and write the uuid of the one that is meant.";
    WaitingForKeyName, Working,
        "A key of ours that is going still has that name.",
        "Key names are unique in a building; the new key is made when the old one is proven deleted.",
        "Wait; if the deletion is held, approve it.";
    KeyNotFound, Refused,
        "No key of that uuid is in this building.",
        "spec.adopt.keyUuid must be the uuid of a key that exists in this building.",
        "Correct spec.adopt.keyUuid (`opendoor import` lists the keys), or remove spec.adopt to have a new key made.";
    KeyNameTaken, Refused,
        "Another key has that name and does not give it up.",
        "Key names are unique in a building, and a key somebody made by hand is not taken over unasked.",
        "Take it over with spec.adopt where nothing owns it, or choose another keyName.";
    AcknowledgementRequired, Refused,
        "An ordinary key would become a partner key.",
        "Once a partner is set, the key is a partner key for good: DOOR OS never changes or clears it (DOOR help centre 34093878800023).",
        "If that is meant, write spec.adopt.acknowledge: ConvertsToPartnerKeyForGood.";
    HoldersAffected, Held,
        "People hold this key, or it cannot be told whether they do.",
        "Deleting a key takes access and doorcodes from everybody who holds it, and codes do not come back (Latch help centre 15853792300183).",
        "Move the holders first, or approve with the hold id, or set deletionPolicy: Retain to keep the key.";
    RemovalLimitExceeded, Held,
        "More access would be taken away than the brake allows.",
        "A list that suddenly empties is more often a mistake than a wish. Limits: removals, removalsPercent and portfolioRemovals of the Portfolio, over 24 hours.",
        "Read the plan; if it is meant, approve it with its hold id.";
    GrantLimitExceeded, Held,
        "More access would be given than the brake allows.",
        "Opening many doors at once is as likely a mistake as closing them. Limit: grants of the Portfolio, over 24 hours.",
        "Read the plan; if it is meant, approve it with its hold id.";
    ApprovalRequired, Held,
        "The Portfolio's mode is Propose: a person approves every change.",
        "Mode Propose holds every step.",
        "Approve with the hold id.";
    ObservationIncomplete, CannotTell,
        "The list from DOOR OS was not provably complete.",
        "An absence proves nothing unless the whole list was seen at one list revision, in order, without a gap.",
        "Nothing is changed from it. It heals by itself at the next good look; if it lasts, look at DOOR OS's status.";
    DeclarationIncomplete, Held,
        "The declared side lost a kind, a folder or a Property as a whole, or cannot be read.",
        "A folder that was not mounted, or a bad merge, looks exactly like everybody losing access.",
        "Put it back; or, if it is meant, approve the removals with the hold id.";
    OwnerMissing, Held,
        "An object that owns access is missing without having been deleted through this product.",
        "In Kubernetes only a deletion timestamp or an edit removes access.",
        "Apply the object again, or approve the removals with the hold id.";
    InUse, Refused,
        "Doors, keys or unproven locks still reference the partner.",
        "A partner is withdrawn from a property only after it is off every door and key, and the locks are proven (DOOR help centre 34093878800023 and 27547132147223).",
        "Remove what the message lists, perform the Door Syncs, and the e-mail to DOOR follows.";
    Invalid, Refused,
        "The object breaks its schema or a rule.",
        "What cannot be understood is not acted on; the last accepted declaration stays in force.",
        "Correct what the message lists; `opendoor validate` shows the same offline.";
    Unmanaged, Noted,
        "Access that was added by hand and that nothing declares.",
        "It is reported, not removed, unless the Property says addedByHand: Remove. What a deleted object left behind (deletionPolicy: Retain) is never removed: people look after it.",
        "Declare it, remove it in DOOR OS, or set addedByHand: Remove.";
    Drifted, Noted,
        "What was applied here was changed by hand in DOOR OS.",
        "The declaration is restored in mode Apply; where access was taken away and the Property says removedByHand: Hold, a person decides.",
        "If the hand edit was right, change the declaration; if not, do nothing or approve the hold.";
    OutcomeUnknown, CannotTell,
        "A change was sent and its answer was lost.",
        "A write is never repeated before a read; it may take effect up to ten minutes later.",
        "Wait for the next pass; a read settles it.";
    CredentialsInvalid, CannotTell,
        "DOOR OS refused the credentials.",
        "Client id and secret must belong to a manager of the building.",
        "Renew the client secret.";
    CredentialsMissing, CannotTell,
        "No credentials were found.",
        "Nothing can be read or changed without them.",
        "Set OPENDOOR_CLIENT_ID and OPENDOOR_CLIENT_SECRET_FILE (standalone), or create the Secret the Portfolio names.";
    PermissionDenied, CannotTell,
        "The manager behind these credentials may not do this.",
        "Creating and editing keys needs Full Key Management; other levels only give and take keys (DOOR help centre 24506156244247).",
        "Ask a portfolio manager for the permission.";
    ConnectionNotOffered, Refused,
        "The Portfolio names a DOOR OS connection that the operator does not offer to this namespace, or none where there are several.",
        "Addresses of DOOR OS are the operator's configuration, never a resource's, so that nobody can point credentials elsewhere.",
        "Correct spec.connection, or ask whoever runs the operator to offer the connection to this namespace.";
    LedgerUnavailable, CannotTell,
        "The ledger of this building cannot be read or written.",
        "What we own and what locks may still accept is known only from the ledger; nothing is changed without it.",
        "The message says what is wrong with it. Restore it; if it is lost, delete it: the next pass is then a first contact, which removes nothing it does not know.";
    Abandoned, Noted,
        "The namespace went and took its credentials with it, so access that was to be removed is still in DOOR OS.",
        "Without credentials nothing can be removed, and a namespace must not hang for ever; what was abandoned is kept in the ledger.",
        "Remove the access in DOOR OS by hand, or declare the building again with credentials.";
    BackendUnavailable, CannotTell,
        "DOOR OS did not answer, or answered with errors.",
        "Nothing is removed while it cannot be seen.",
        "It is tried again by itself; if it lasts, look at DOOR's status page.";
    ClockSkewed, CannotTell,
        "Our clock and DOOR's differ by more than two minutes.",
        "What depends on time (validity, vacancy) does not change while the time is in doubt.",
        "Correct this machine's clock.";
    ReadOnlyRow, CannotTell,
        "DOOR OS gave no revision for this row, so it cannot be changed safely.",
        "A write is conditional on the revision that was read; without one it could overwrite an edit by hand.",
        "Change it by hand in DOOR OS, or ask DOOR why the row has no revision.";
    StaleRow, CannotTell,
        "DOOR OS gave an older row than one already seen.",
        "An old row is no ground for a change.",
        "It heals by itself at the next good look.";
    Suspended, Waiting,
        "Reconciling is suspended.",
        "spec.suspend is true on the Property or its Portfolio.",
        "Set spec.suspend to false.";
    ObserveOnly, Waiting,
        "There are differences, and the Portfolio's mode is Observe.",
        "Mode Observe changes nothing.",
        "Set the mode to Propose or Apply, or change it by hand.";
    DoorSyncRequired, Waiting,
        "A removed partner may still open the lock until somebody performs a Door Sync there.",
        "A lock that is not connected learns of a removal only from a full Door Sync in the DOOR App (DOOR help centre 34093878800023 and 27547132147223).",
        "Perform a Door Sync on the doors that `opendoor sync list` names.";
    NoDevice, Waiting,
        "Access was removed on a door that has no device now.",
        "Without a device nothing can acknowledge the removal; the device that was there may still hold the old list.",
        "Perform a Door Sync once a device is activated, or attest it with `opendoor sync attest`.";
    AwaitingPush, Working,
        "The door is connected; the change reaches its lock over the network.",
        "Connected doors update within minutes, up to 30 (DOOR help centre 24446031504919); after that a person is asked to go.",
        "Wait.";
    ReplacedEntry, Waiting,
        "The partner holds the door again, but the lock never saw the removal or narrowing before that.",
        "Until the lock is proven it may accept the older entry, which may be wider.",
        "Perform a Door Sync on the door.";
    LockNotProven, Waiting,
        "DOOR OS grants it; the lock has not acknowledged it yet.",
        "A grant heals at the partner's first use (DOOR help centre 24481162622359).",
        "Nothing to do, unless the partner will only use doorcodes.";
    LockProven, Fine,
        "The lock acknowledged exactly what DOOR OS grants.",
        "Proof is a row whose lockRevision equals its accessRevision, read after our last write.",
        "Nothing to do.";
    HistoryUnknown, CannotTell,
        "What this lock may accept is not known.",
        "It was never proven since first contact, a change was missed, or its device was changed.",
        "A full Door Sync proves it.";
    Attested, Waiting,
        "A person says the lock was synced; DOOR OS has not proven it.",
        "An attestation is a weaker word than proof and is shown as such.",
        "Nothing to do; proof replaces it when DOOR OS reports it.";
    DoorGone, Waiting,
        "The door is no longer in DOOR OS; its lock may still accept what it held.",
        "An absence in DOOR OS tells the lock nothing.",
        "Make sure the device was deactivated or removed, then attest it.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is not in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownReason {
    /// The nearest word that is.
    pub nearest: Option<Reason>,
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        if let Some(found) = Self::ALL
            .iter()
            .find(|reason| reason.as_str().eq_ignore_ascii_case(text))
        {
            return Ok(*found);
        }
        let nearest = Self::ALL
            .iter()
            .map(|reason| (strsim::jaro_winkler(reason.as_str(), text), *reason))
            .filter(|(score, _)| *score > 0.75)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, reason)| reason);
        Err(UnknownReason { nearest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_its_own_word() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert!(!reason.fix().is_empty() && !reason.rule().is_empty());
        }
    }

    #[test]
    fn a_misspelt_reason_names_the_nearest() {
        let error = "PartnerImutable".parse::<Reason>().unwrap_err();
        assert_eq!(error.nearest, Some(Reason::PartnerImmutable));
        assert_eq!("zzz".parse::<Reason>().unwrap_err().nearest, None);
    }
}
