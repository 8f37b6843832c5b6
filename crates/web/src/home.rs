//! `/` leads to what an agent does all day.
use crate::gate::see_other;
use axum::response::Response;

pub async fn show() -> Response {
    see_other("/tickets")
}
