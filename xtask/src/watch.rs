//! Watches the sources, for `serve --watch`.

use std::{
    path::Path,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::{step::Failure, workspace::Workspace};

/// The parts that must be rebuilt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The stylesheet and the islands.
    pub ui: bool,
    /// The Worker.
    pub edge: bool,
    /// The server.
    pub origin: bool,
}

impl Changed {
    fn by(path: &Path) -> Self {
        let has = |part: &str| path.components().any(|it| it.as_os_str() == part);
        let shared = has("shared");
        Self {
            ui: shared || has("ui"),
            edge: shared || has("edge"),
            // The server renders the pages, so it depends on the storefront.
            origin: shared || has("ui") || has("origin") || has("migrations"),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            ui: self.ui || other.ui,
            edge: self.edge || other.edge,
            origin: self.origin || other.origin,
        }
    }
}

/// A file watcher; dropping it stops watching.
pub struct Watch {
    events: Receiver<Changed>,
    _watcher: RecommendedWatcher,
}

/// Editors write a file in several steps; waits until they are done.
const SETTLE: Duration = Duration::from_millis(250);

impl Watch {
    /// Starts watching.
    pub fn start(workspace: &Workspace) -> Result<Self, Failure> {
        let failed = |error: notify::Error| Failure(format!("cannot watch the sources: {error}"));
        let (sender, events) = channel();
        let root = workspace.root.clone();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                let Ok(event) = event else { return };
                if matches!(event.kind, EventKind::Access(_)) {
                    return;
                }
                for path in &event.paths {
                    let changed = Changed::by(path.strip_prefix(&root).unwrap_or(path));
                    // The receiver is gone once the shop stops.
                    let _ = sender.send(changed);
                }
            })
            .map_err(failed)?;
        for folder in ["shared/src", "ui", "edge", "origin", "migrations"] {
            let path = workspace.root.join(folder);
            watcher
                .watch(&path, RecursiveMode::Recursive)
                .map_err(failed)?;
        }
        Ok(Self {
            events,
            _watcher: watcher,
        })
    }

    /// The changes since the last call, if any.
    pub fn changed(&self) -> Option<Changed> {
        let first = self.events.try_recv().ok()?;
        thread::sleep(SETTLE);
        let all = self.events.try_iter().fold(first, Changed::and);
        (all != Changed::default()).then_some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_select_the_parts_to_rebuild() {
        let by = |path: &str| Changed::by(Path::new(path));
        assert_eq!(
            by("edge/src/lib.rs"),
            Changed {
                edge: true,
                ..Changed::default()
            }
        );
        assert_eq!(
            by("ui/style/base.css"),
            Changed {
                ui: true,
                origin: true,
                edge: false
            }
        );
        assert_eq!(
            by("shared/src/id.rs"),
            Changed {
                ui: true,
                edge: true,
                origin: true
            }
        );
        assert_eq!(by("README.md"), Changed::default());
    }
}
