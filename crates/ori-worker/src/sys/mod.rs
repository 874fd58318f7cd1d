//! All unsafe code of the crate, each block with its reason.
//!
//! | module | what lives there |
//! |---|---|
//! | `descriptor` | which function: a static for each, found by its offset in this program |
//! | `image` | where this program lies in memory |
//! | `page` | the status page that a worker shares with its parent |
//! | `receive` | from a socket into the room that a vector has left |
//! | `entry` | starting a worker before `main`, ending one at once |

pub(crate) mod descriptor;
pub(crate) mod entry;
pub(crate) mod image;
pub(crate) mod page;
pub(crate) mod receive;
