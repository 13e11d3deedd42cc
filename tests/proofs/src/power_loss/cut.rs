//! Cutting the power: from the steps taken on a disk to what may be left on it.

use std::collections::BTreeMap;

use super::content::Content;
use super::dice::Dice;
use super::disk::{FileNo, Image, Step};

/// The unit a disk writes whole or not at all.
const SECTOR: usize = 512;

/// What happens to the steps that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// All of them are lost.
    Lost,
    /// All of them survive.
    Kept,
    /// The first ones survive, the last of these torn.
    Front,
    /// The first ones are lost though later ones survive.
    Back,
    /// Each survives or not.
    Some,
    /// Each sector of each survives or not.
    Torn,
}

const FATES: [Fate; 6] = [Fate::Lost, Fate::Kept, Fate::Front, Fate::Back, Fate::Some, Fate::Torn];

/// What a disk holds for certain at some step, and what it may hold beside that.
pub(super) struct Platter<'a> {
    steps: &'a [Step],
    done: usize,
    /// What is certain.
    files: Vec<Content>,
    names: BTreeMap<String, FileNo>,
    /// Steps on each file since it was synced.
    loose: Vec<Vec<usize>>,
    /// Names given and taken since the directory was synced.
    loose_names: Vec<(String, Option<FileNo>)>,
}

impl<'a> Platter<'a> {
    /// A disk that began with `image` and went through `steps`, before the first of them.
    pub(super) fn new(image: &Image, steps: &'a [Step]) -> Self {
        let files: Vec<Content> = image.values().cloned().collect();
        let loose = files.iter().map(|_| Vec::new()).collect();
        Self { steps, done: 0, files, names: image.keys().cloned().zip(0..).collect(), loose, loose_names: Vec::new() }
    }

    /// Goes on until `position` steps are done.
    pub(super) fn advance(&mut self, position: usize) {
        while self.done < position {
            match &self.steps[self.done] {
                Step::Write { file, .. } | Step::Truncate { file, .. } => self.loose[*file].push(self.done),
                Step::Create { name, file } => {
                    self.files.push(Content::default());
                    self.loose.push(Vec::new());
                    debug_assert_eq!(self.files.len(), file + 1);
                    self.loose_names.push((name.clone(), Some(*file)));
                }
                Step::Delete { name, directory } => {
                    self.loose_names.push((name.clone(), None));
                    if *directory {
                        self.settle_names();
                    }
                }
                Step::Sync { file, directory } => {
                    for step in std::mem::take(&mut self.loose[*file]) {
                        apply(&mut self.files[*file], &self.steps[step]);
                    }
                    if *directory {
                        self.settle_names();
                    }
                }
            }
            self.done += 1;
        }
    }

    fn settle_names(&mut self) {
        for (name, file) in std::mem::take(&mut self.loose_names) {
            put(&mut self.names, &name, file);
        }
    }

    /// Whether everything done so far was synced.
    pub(super) fn at_rest(&self) -> bool {
        self.loose.iter().all(Vec::is_empty) && self.loose_names.is_empty()
    }

    /// What is left if everything done so far survives.
    pub(super) fn whole(&self) -> Image {
        let mut names = self.names.clone();
        self.loose_names.iter().for_each(|(name, file)| put(&mut names, name, *file));
        names.into_iter().map(|(name, file)| (name, self.file(file, Fate::Kept, &mut Dice::new(0, 0)))).collect()
    }

    /// What is left if the power fails now, and the fate of what was not synced.
    pub(super) fn cut(&self, dice: &mut Dice) -> (Image, Fate) {
        let fate = FATES[dice.below(FATES.len())];
        let mut names = self.names.clone();
        // Each name by itself is as it was at some moment since the directory was synced.
        for (i, (name, _)) in self.loose_names.iter().enumerate() {
            if self.loose_names[..i].iter().all(|(before, _)| before != name) {
                let moments: Vec<_> = self.loose_names.iter().filter(|(n, _)| n == name).map(|(_, file)| *file).collect();
                let survived = match fate {
                    Fate::Lost => 0,
                    Fate::Kept => moments.len(),
                    _ => dice.below(moments.len() + 1),
                };
                moments[..survived].iter().for_each(|file| put(&mut names, name, *file));
            }
        }
        (names.into_iter().map(|(name, file)| (name, self.file(file, fate, dice))).collect(), fate)
    }

    fn file(&self, file: FileNo, fate: Fate, dice: &mut Dice) -> Content {
        let mut content = self.files[file].clone();
        let loose = &self.loose[file];
        if loose.is_empty() {
            return content;
        }
        let certain = content.len();
        let border = dice.below(loose.len() + 1);
        let odds = [10, 50, 90][dice.below(3)];
        let mut end = certain;
        for (i, &step) in loose.iter().enumerate() {
            let step = &self.steps[step];
            if let Step::Write { at, bytes, .. } = step {
                end = end.max(at + bytes.len());
            }
            match fate {
                Fate::Lost => {}
                Fate::Kept => apply(&mut content, step),
                Fate::Front if i < border => apply(&mut content, step),
                Fate::Front if i == border => {
                    let kept = dice.below(64);
                    sectors(step, |n| n < kept, &mut content);
                }
                Fate::Front => {}
                Fate::Back if i < border => {}
                Fate::Back => apply(&mut content, step),
                Fate::Some if dice.percent(odds) => apply(&mut content, step),
                Fate::Some => {}
                Fate::Torn => sectors(step, |_| dice.percent(odds), &mut content),
            }
        }
        // The file may have grown before what belongs there was written: then there is anything.
        if fate != Fate::Kept && content.len() < end && dice.percent(30) {
            let from = content.len().max(certain).next_multiple_of(SECTOR);
            let noise = dice.percent(50);
            content.grow(end);
            for at in (from..end).step_by(SECTOR).filter(|_| noise) {
                let noise = dice.next().to_le_bytes().repeat(SECTOR / 8);
                content.write(at, &noise[..SECTOR.min(end - at)]);
            }
        }
        content
    }
}

fn put(names: &mut BTreeMap<String, FileNo>, name: &str, file: Option<FileNo>) {
    match file {
        Some(file) => names.insert(name.to_owned(), file),
        None => names.remove(name),
    };
}

fn apply(content: &mut Content, step: &Step) {
    match step {
        Step::Write { at, bytes, .. } => content.write(*at, bytes),
        _ => sectors(step, |_| true, content),
    }
}

/// Does that part of a step whose sectors are `kept`.
fn sectors(step: &Step, mut kept: impl FnMut(usize) -> bool, content: &mut Content) {
    match step {
        Step::Write { at, bytes, .. } => {
            let (mut from, mut n) = (0, 0);
            while from < bytes.len() {
                let to = bytes.len().min(from + SECTOR - (at + from) % SECTOR);
                if kept(n) {
                    content.write(at + from, &bytes[from..to]);
                }
                (from, n) = (to, n + 1);
            }
        }
        Step::Truncate { len, .. } => {
            if kept(0) {
                content.truncate(*len);
            }
        }
        Step::Sync { .. } | Step::Create { .. } | Step::Delete { .. } => {}
    }
}
