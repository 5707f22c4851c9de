//! Floor 3: calls, their dialogs, and the cookie that names them on the wire.

#[allow(clippy::module_inception)] // RFC 3261's word for it
mod call;
mod cookie;
mod dialog;
mod packed;
mod record;
mod state;
mod table;
mod texts;
mod view;

pub use call::{Call, Checked, Closing, NewCall, Restored};
pub use cookie::{COOKIE_PARAM, Cookie, Side, name_hash};
pub use dialog::Dialog;
pub use record::{CallRecord, DialogRecord, NamedDemand};
pub use state::{CallEvent, CallState, Held};
pub use table::{CallKey, CallTable};
pub use texts::{CallText, CallTexts, DialogText, DialogTexts};
pub use view::{Attempt, AttemptOutcome, CallFilter, CallId, CallStage, CallView};
