//! Small files written by hand.

use super::*;
