use super::Piece;
pub(super) const PIECES: &[Piece] = &[];
