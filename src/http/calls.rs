//! Live calls.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::body::Unasked;
use super::control::CallQuery;
use super::model::{CallEntry, CallList, CallState};
use super::openapi::{Broken, Guarded, NoSuchCall, Writing};
use super::problem::{Problem, ProblemBody};
use crate::base::limits::{HTTP_CALLS_PAGE_DEFAULT, HTTP_CALLS_PAGE_MAX};

/// Which calls to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Only calls on this peer.
    peer: Option<String>,
    /// Only calls that came through this group.
    group: Option<String>,
    /// Only calls in this state.
    state: Option<CallState>,
    /// At most so many a page: 100 when left out; more than 1000 gives 1000.
    #[param(minimum = 1)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Asked {
    fn query(self) -> Result<CallQuery, Problem> {
        let limit = match self.limit {
            None => HTTP_CALLS_PAGE_DEFAULT,
            Some(0) => return Err(Problem::malformed("the query: limit must be at least 1")),
            Some(limit) => limit.min(HTTP_CALLS_PAGE_MAX),
        };
        Ok(CallQuery {
            peer: self.peer,
            group: self.group,
            state: self.state,
            after: self.cursor.as_deref().map(decode_cursor).transpose()?,
            limit,
        })
    }
}

/// A cursor is the last id of a page; that is nobody's business but ours.
fn encode_cursor(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(id)
}

fn decode_cursor(cursor: &str) -> Result<String, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Problem::malformed("the query: this cursor is not one of ours"))
}

/// Lists live calls, in order of id, a page at a time.
#[utoipa::path(get, path = "/v1/calls", tag = "calls", params(Asked),
    responses((status = 200, description = "A page of calls", body = CallList),
        (status = 400, description = "The query cannot be read", body = ProblemBody,
            content_type = "application/problem+json"),
        Broken, Guarded))]
pub async fn list(
    State(api): State<Arc<Api>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<CallList>, Problem> {
    let Query(asked) = asked.map_err(|error| Problem::malformed(error.body_text()))?;
    let mut query = asked.query()?;
    let page = query.limit;
    // One more than asked for tells whether there is another page.
    query.limit = page + 1;
    let mut calls = api.parts.calls.list(&query).await?;
    let more = calls.len() > page;
    calls.truncate(page);
    let last = calls.last().filter(|_| more);
    let next_cursor = last.map(|call| encode_cursor(&call.id));
    Ok(Json(CallList { calls, next_cursor }))
}

/// Shows one live call.
#[utoipa::path(get, path = "/v1/calls/{id}", tag = "calls", params(("id" = String, Path, description = "The call's `id`")),
    responses((status = 200, description = "The call", body = CallEntry), NoSuchCall, Broken, Guarded))]
pub async fn show(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
) -> Result<Json<CallEntry>, Problem> {
    let call = api.parts.calls.get(&id).await?;
    call.map(Json).ok_or_else(|| Problem::no_such_call(&id))
}

/// Ends a call: BYE to both sides, or CANCEL.
#[utoipa::path(delete, path = "/v1/calls/{id}", tag = "calls", security(("admin" = [])),
    params(("id" = String, Path, description = "The call's `id`")),
    responses((status = 202, description = "The call is being ended"), Writing, NoSuchCall, Broken, Guarded))]
pub async fn end(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    _: Unasked,
) -> Result<StatusCode, Problem> {
    api.admin(&headers)?;
    match api.parts.calls.end(&id).await? {
        true => Ok(StatusCode::ACCEPTED),
        false => Err(Problem::no_such_call(&id)),
    }
}
