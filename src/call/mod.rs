//! Floor 3: calls, their dialogs, and the cookie that names them on the wire.

#[allow(clippy::module_inception)] // RFC 3261's word for it
mod call;
mod cookie;
mod dialog;
mod packed;
mod table;
mod view;

pub use call::{Call, CallEvent, CallState, CallText, Closing, Held, NewCall};
pub use cookie::{COOKIE_PARAM, Cookie, Side, name_hash};
pub use dialog::{Dialog, DialogText};
pub use table::{CallKey, CallTable};
pub use view::{Attempt, AttemptOutcome, CallFilter, CallId, CallStage, CallView};
