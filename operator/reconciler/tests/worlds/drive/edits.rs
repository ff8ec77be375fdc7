//! Changes of the repository.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use crate::declare::{Assignment, Doc, File, Key, Looker, Repo, Says, Wanted};
use crate::events::{Edit, Pick};
use crate::world::{self, Building, Place};

/// What edits need beside the repository.
pub struct Editor<'a> {
    pub place: &'a Place,
    pub now: Timestamp,
    /// The hold id that each Property showed last.
    pub hold_ids: &'a [(String, String)],
    /// Objects deleted, with their files.
    pub bin: &'a mut Vec<(String, Doc)>,
    /// Numbers new names.
    pub counter: &'a mut u32,
}

fn pick<T>(from: &mut [T], at: Pick) -> Option<&mut T> {
    let count = u32::try_from(from.len()).unwrap();
    (count > 0).then(|| &mut from[usize::try_from(at % count).unwrap()])
}

fn accesses(repo: &mut Repo) -> Vec<&mut Doc> {
    let mut docs = repo.docs_mut();
    docs.retain(|doc| doc.property().is_some());
    docs
}

/// The Portfolios; where there is none, the first.
fn portfolio(repo: &mut Repo) -> Vec<&mut Looker> {
    let mut docs = repo.docs_mut().into_iter();
    if !docs.any(|doc| matches!(doc.says, Says::Portfolio(_))) {
        let usual = Doc::new("main", Says::Portfolio(Looker::usual()));
        world::add(repo, "portfolio.yaml", usual);
    }
    let docs = repo.docs_mut().into_iter();
    docs.filter_map(|doc| match &mut doc.says {
        Says::Portfolio(looker) => Some(looker),
        _ => None,
    })
    .collect()
}

fn properties(repo: &mut Repo) -> Vec<&mut Doc> {
    let mut docs = repo.docs_mut();
    docs.retain(|doc| matches!(doc.says, Says::Property { .. }));
    docs
}

impl Editor<'_> {
    pub fn edit(&mut self, repo: &mut Repo, edit: &Edit) {
        match edit {
            Edit::NewAssignment(seed) | Edit::NewKey(seed) => self.create(repo, edit, *seed),
            Edit::Delete(at) => self.delete(repo, *at),
            Edit::Undo => {
                if let Some((path, doc)) = self.bin.pop() {
                    world::add(repo, &path, doc);
                }
            }
            Edit::RenameFile(at) => self.rename_file(repo, *at),
            Edit::DeleteFile(at) => self.delete_file(repo, *at),
            Edit::NewestKeyName => {
                *self.counter += 1;
                let newest = |doc: &&mut Doc| {
                    doc.name
                        .rsplit_once("-new-pk")
                        .and_then(|(_, number)| number.parse::<u32>().ok())
                };
                if let Some(doc) = repo.docs_mut().into_iter().max_by_key(newest)
                    && let Says::Key(key) = &mut doc.says
                {
                    key.key_name = format!("Key {}", self.counter);
                }
            }
            Edit::MoveDoor(from, to) => move_door(repo, *from, *to),
            Edit::Unreadable(at, opaque) => {
                let mut files: Vec<&mut File> = repo.files.values_mut().collect();
                if let Some(file) = pick(&mut files, *at) {
                    file.unreadable = true;
                    file.opaque = *opaque;
                }
            }
            Edit::Readable => {
                for file in repo.files.values_mut() {
                    file.unreadable = false;
                }
            }
            Edit::Break(at) => {
                if let Some(doc) = pick(&mut accesses(repo), *at) {
                    doc.broken = true;
                }
            }
            Edit::Mend => repo
                .docs_mut()
                .into_iter()
                .for_each(|doc| doc.broken = false),
            Edit::Limits(seed) => {
                let mut rng = Rng::with_seed(*seed);
                for doc in repo.docs_mut() {
                    if let (Says::Portfolio(looker), Says::Portfolio(limits)) =
                        (&mut doc.says, world::limits(&mut rng))
                    {
                        looker.removals = limits.removals;
                        looker.percent = limits.percent;
                    }
                }
            }
            Edit::Mode(mode) => portfolio(repo).into_iter().for_each(|it| it.mode = *mode),
            Edit::Suspend(on) => portfolio(repo).into_iter().for_each(|it| it.suspend = *on),
            Edit::SuspendProperty(at, on) => {
                if let Some(doc) = pick(&mut properties(repo), *at)
                    && let Says::Property { suspend, .. } = &mut doc.says
                {
                    *suspend = *on;
                }
            }
            Edit::Retain(at, on) => {
                if let Some(doc) = pick(&mut accesses(repo), *at)
                    && let Says::Assignment(Assignment { retain, .. })
                    | Says::Key(Key { retain, .. }) = &mut doc.says
                {
                    *retain = *on;
                }
            }
            Edit::Approve(at) => self.approve(repo, *at),
            Edit::ListPartner(at, partner) | Edit::UnlistPartner(at, partner) => {
                self.list(repo, *at, *partner, matches!(edit, Edit::ListPartner(..)));
            }
            Edit::RemovesAdded(at, on) => {
                if let Some(doc) = pick(&mut properties(repo), *at)
                    && let Says::Property { removes_added, .. } = &mut doc.says
                {
                    *removes_added = *on;
                }
            }
            Edit::Doors(at, _)
            | Edit::EveryDoor(at)
            | Edit::FewDoors(at)
            | Edit::Partner(at, _)
            | Edit::Property(at, _)
            | Edit::KeyName(at)
            | Edit::Schedule(at)
            | Edit::Expires(at, _)
            | Edit::RenameObject(at) => {
                if let Some(doc) = pick(&mut accesses(repo), *at) {
                    self.change(doc, edit);
                }
            }
        }
    }

    fn create(&mut self, repo: &mut Repo, edit: &Edit, seed: u64) {
        let mut rng = Rng::with_seed(seed);
        let building = &self.place.buildings[rng.usize(0..self.place.buildings.len())];
        *self.counter += 1;
        let folder = &building.property;
        let (doc, file) = if matches!(edit, Edit::NewKey(_)) {
            let name = format!("{folder}-new-pk{}", self.counter);
            (world::key(self.place, building, &name, &mut rng), "keys")
        } else {
            let name = format!("{folder}-new-da{}", self.counter);
            let file = ["doors-0", "doors-1"][rng.usize(0..2)];
            (
                world::assignment(self.place, building, &name, &mut rng),
                file,
            )
        };
        world::add(repo, &format!("{folder}/{file}.yaml"), doc);
    }

    fn delete(&mut self, repo: &mut Repo, at: Pick) {
        let Some(doc) = pick(&mut accesses(repo), at).map(|doc| doc.clone()) else {
            return;
        };
        for (path, file) in &mut repo.files {
            if let Some(index) = file.docs.iter().position(|known| *known == doc) {
                self.bin.push((path.clone(), file.docs.remove(index)));
                return;
            }
        }
    }

    fn delete_file(&mut self, repo: &mut Repo, at: Pick) {
        let mut paths: Vec<String> = repo
            .files
            .keys()
            .filter(|path| path.contains("doors") || path.contains("keys"))
            .cloned()
            .collect();
        if let Some(path) = pick(&mut paths, at)
            && let Some(file) = repo.files.remove(path)
        {
            let docs = file.docs.into_iter().map(|doc| (path.clone(), doc));
            self.bin.extend(docs);
        }
    }

    fn rename_file(&mut self, repo: &mut Repo, at: Pick) {
        let mut paths: Vec<String> = repo.files.keys().cloned().collect();
        *self.counter += 1;
        if let Some(path) = pick(&mut paths, at)
            && let Some(file) = repo.files.remove(path)
        {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let name = format!("{folder}/doors-moved-{}.yaml", self.counter);
            repo.files.insert(name, file);
        }
    }

    fn approve(&self, repo: &mut Repo, at: Pick) {
        for doc in repo.docs_mut() {
            let shown = self
                .hold_ids
                .iter()
                .find(|(property, _)| *property == doc.name);
            if let Says::Property { approve, .. } = &mut doc.says {
                *approve = match shown {
                    Some((_, id)) if !at.is_multiple_of(4) => Some(id.clone()),
                    _ => Some(String::from("h-000000000000")),
                };
            }
        }
    }

    fn list(&self, repo: &mut Repo, at: Pick, partner: Pick, listed: bool) {
        let mut known: Vec<&str> = self.place.partners.clone();
        let Some(name) = pick(&mut known, partner).map(|name| (*name).to_owned()) else {
            return;
        };
        if let Some(doc) = pick(&mut properties(repo), at)
            && let Says::Property { partners, .. } = &mut doc.says
        {
            partners.retain(|known| *known != name);
            if listed {
                partners.push(name);
            }
        }
    }

    fn building(&self, doc: &Doc) -> Option<&Building> {
        let property = doc.property()?;
        self.place
            .buildings
            .iter()
            .find(|building| building.property == property)
    }

    fn change(&mut self, doc: &mut Doc, edit: &Edit) {
        *self.counter += 1;
        let doors = match edit {
            Edit::Doors(_, seed) => self
                .building(doc)
                .map(|building| world::some_doors(building, &mut Rng::with_seed(*seed))),
            Edit::EveryDoor(_) => self.building(doc).map(|building| building.doors.clone()),
            Edit::FewDoors(_) => self
                .building(doc)
                .map(|building| building.doors[2..3].to_vec()),
            _ => None,
        };
        let mut partners: Vec<&str> = self.place.partners.clone();
        partners.push("Nobody Knows");
        let mut buildings: Vec<&Building> = self.place.buildings.iter().collect();
        match (edit, &mut doc.says) {
            (Edit::RenameObject(_), _) => doc.name = format!("{}-r{}", doc.name, self.counter),
            (
                Edit::Doors(..) | Edit::EveryDoor(_) | Edit::FewDoors(_),
                Says::Assignment(Assignment { doors: wanted, .. }),
            ) => {
                if let Some(doors) = doors {
                    *wanted = Wanted::Named(doors);
                }
            }
            (
                Edit::Doors(..) | Edit::EveryDoor(_) | Edit::FewDoors(_),
                Says::Key(Key { doors: on_key, .. }),
            ) => {
                *on_key = doors
                    .into_iter()
                    .flatten()
                    .map(|name| {
                        let codes = on_key.get(&name).copied().unwrap_or(false);
                        (name, codes)
                    })
                    .collect();
            }
            (
                Edit::Partner(_, at),
                Says::Assignment(Assignment { partner, .. }) | Says::Key(Key { partner, .. }),
            ) => {
                if let Some(other) = pick(&mut partners, *at) {
                    *partner = (*other).to_owned();
                }
            }
            (
                Edit::Property(_, at),
                Says::Assignment(Assignment { property, .. }) | Says::Key(Key { property, .. }),
            ) => {
                if let Some(other) = pick(&mut buildings, *at) {
                    *property = other.property.clone();
                }
            }
            (Edit::KeyName(_), Says::Key(key)) => {
                key.key_name = format!("Key {}", self.counter);
            }
            (Edit::Schedule(_), Says::Key(key)) => key.mornings = !key.mornings,
            (Edit::Expires(_, minutes), Says::Assignment(assignment)) => {
                let ahead = SignedDuration::from_mins(i64::from(*minutes));
                assignment.until = self.now.checked_add(ahead).ok();
            }
            _ => {}
        }
    }
}

/// A door moves from one assignment to another of the same partner and property.
fn move_door(repo: &mut Repo, from: Pick, to: Pick) {
    let mut docs = accesses(repo);
    docs.retain(|doc| {
        matches!(&doc.says, Says::Assignment(Assignment { doors: Wanted::Named(names), .. }) if names.len() > 1)
    });
    let Some(Says::Assignment(source)) = pick(&mut docs, from).map(|doc| doc.says.clone()) else {
        return;
    };
    let Wanted::Named(names) = &source.doors else {
        return;
    };
    let door = names[0].clone();
    let Some(source_doc) = docs
        .iter()
        .position(|doc| doc.says == Says::Assignment(source.clone()))
    else {
        return;
    };
    let mut others: Vec<usize> = (0..docs.len())
        .filter(|at| *at != source_doc)
        .filter(|at| {
            matches!(&docs[*at].says, Says::Assignment(other)
                if other.partner == source.partner && other.property == source.property)
        })
        .collect();
    let Some(target) = pick(&mut others, to).map(|at| *at) else {
        return;
    };
    for (at, doc) in docs.iter_mut().enumerate() {
        if let Says::Assignment(Assignment {
            doors: Wanted::Named(names),
            ..
        }) = &mut doc.says
        {
            if at == source_doc {
                names.retain(|name| *name != door);
            } else if at == target && !names.contains(&door) {
                names.push(door.clone());
            }
        }
    }
}
