//! People: who works here, who asks, who may see what.
pub mod agent;
pub mod department;
pub mod first_administrator;
pub mod form_use;
pub mod kept_form;
mod password;
pub mod person;
pub mod requester;
pub mod session;
pub mod sign_in;
pub mod viewer;
