//! All known model cards, and where their files are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::nearest;
use crate::{Card, InferError, ModelSource};

/// Known cards, and the folders where model files may lie.
#[derive(Clone, Debug)]
pub struct Registry {
    cards: Vec<Arc<Card>>,
    folders: Vec<PathBuf>,
}

/// A card with the state of its file.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The card.
    pub card: Arc<Card>,
    /// Where its file lies, if it is there.
    pub present: Option<PathBuf>,
}

impl Registry {
    /// The built-in cards, and those in `*.toml` files directly in `card_dir` (which need not
    /// exist); a card there replaces a built-in one of the same name. Model files are looked
    /// for in `folders`, in their order.
    pub fn new(card_dir: Option<&Path>, folders: &[PathBuf]) -> Result<Self, InferError> {
        let mut cards: Vec<Arc<Card>> = Card::built_in()?.into_iter().map(Arc::new).collect();
        for card in card_dir.map(read_cards).transpose()?.unwrap_or_default() {
            cards.retain(|known| known.name != card.name);
            cards.push(Arc::new(card));
        }
        Ok(Self { cards, folders: folders.to_vec() })
    }

    /// All cards with the state of their files.
    pub fn list(&self) -> Vec<Listed> {
        let listed = |card: &Arc<Card>| Listed { card: Arc::clone(card), present: self.find(card) };
        self.cards.iter().map(listed).collect()
    }

    /// The card called `name`.
    pub fn card(&self, name: &str) -> Result<&Arc<Card>, InferError> {
        self.cards.iter().find(|card| card.name == name).ok_or_else(|| InferError::UnknownCard {
            name: name.to_owned(),
            nearest: nearest(name, self.cards.iter().map(|c| c.name.as_str())),
            known: self.cards.iter().map(|c| c.name.clone()).collect(),
        })
    }

    /// Where the file of `card` lies, if it is in one of the folders.
    pub fn find(&self, card: &Card) -> Option<PathBuf> {
        self.folders.iter().map(|dir| dir.join(&card.file)).find(|path| path.is_file())
    }

    /// What to load for `model`: the name of a card, or the path of an ONNX file. A path
    /// whose file name is that of a card gets this card.
    pub fn resolve(&self, model: &str) -> Result<ModelSource, InferError> {
        let path = Path::new(model);
        let is_path =
            path.components().count() > 1 || path.extension().is_some_and(|e| e == "onnx");
        if !is_path || self.cards.iter().any(|card| card.name == model) {
            let card = Arc::clone(self.card(model)?);
            return match self.find(&card) {
                Some(file) => Ok(ModelSource::Card { card, file }),
                None => Err(InferError::NotPulled {
                    card: card.name.clone(),
                    file: card.file.clone(),
                    searched: self.folders.clone(),
                }),
            };
        }
        if !path.exists() {
            return Err(InferError::NoFile { path: path.to_owned() });
        }
        let name = path.file_name().unwrap_or_default();
        let card = self.cards.iter().find(|card| name == card.file.as_str());
        Ok(match card {
            Some(card) => ModelSource::Card { card: Arc::clone(card), file: path.to_owned() },
            None => ModelSource::File(path.to_owned()),
        })
    }
}

fn read_cards(dir: &Path) -> Result<Vec<Card>, InferError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(InferError::Io { action: "read", path: dir.to_owned(), source });
        }
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    files.iter().map(|file| Card::read(file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = r#"
name = "yolox-nano"
family = "yolox"
file = "other.onnx"
licence = "MIT"
classes = ["person"]
[input]
width = 64
height = 64
order = "rgb"
fit = "stretch"
"#;

    #[test]
    fn cards_of_the_user_replace_built_in_ones_and_mistakes_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.toml"), CARD).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "no card").unwrap();
        let registry = Registry::new(Some(dir.path()), &[]).unwrap();
        assert_eq!(registry.card("yolox-nano").unwrap().file, "other.onnx");
        assert_eq!(registry.list().len(), Registry::new(None, &[]).unwrap().list().len());

        std::fs::write(dir.path().join("b.toml"), "name = 1").unwrap();
        let error = Registry::new(Some(dir.path()), &[]).unwrap_err().to_string();
        assert!(error.contains("b.toml") && error.contains("name = 1"), "{error}");
        assert!(Registry::new(Some(&dir.path().join("none")), &[]).is_ok());
    }

    #[test]
    fn models_are_found_by_name_and_by_path() {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::new(None, &[dir.path().to_owned()]).unwrap();
        let missing = registry.resolve("yolox-nano").unwrap_err();
        assert!(missing.to_string().contains("omma models pull yolox-nano"), "{missing}");
        assert!(missing.to_string().contains(&dir.path().display().to_string()));
        let slip = registry.resolve("yolox-nan").unwrap_err().to_string();
        assert!(slip.contains("did you mean yolox-nano?"), "{slip}");
        let path = dir.path().join("yolox_nano.onnx");
        let path = path.to_str().unwrap();
        assert!(matches!(registry.resolve(path), Err(InferError::NoFile { .. })));

        std::fs::write(path, "").unwrap();
        for model in ["yolox-nano", path] {
            match registry.resolve(model).unwrap() {
                ModelSource::Card { card, file } => {
                    assert_eq!((card.name.as_str(), file.to_str()), ("yolox-nano", Some(path)));
                }
                other => panic!("{other:?}"),
            }
        }
        let other = dir.path().join("mine.onnx");
        std::fs::write(&other, "").unwrap();
        let source = registry.resolve(other.to_str().unwrap()).unwrap();
        assert!(matches!(source, ModelSource::File(_)));
        assert!(registry.list().iter().any(|l| l.present.is_some()));
    }
}
