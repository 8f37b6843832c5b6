//! The fields of an agent: stored, or as typed. A password is never among them.
use crate::form::Form;
use desk::people::agent::{Agent, Role};
use desk::{Refusal, Result};

#[derive(Clone, Debug)]
pub struct AgentForm {
    pub email: String,
    pub name: String,
    pub role: Role,
    pub active: bool,
}
impl Default for AgentForm {
    fn default() -> Self {
        AgentForm { email: String::new(), name: String::new(), role: Role::Agent, active: true }
    }
}
impl AgentForm {
    pub fn stored(agent: &Agent) -> AgentForm {
        AgentForm {
            email: agent.email.clone(),
            name: agent.name.clone(),
            role: agent.role,
            active: agent.active,
        }
    }
    pub fn typed(form: &Form) -> AgentForm {
        let role = if form.text("role") == "administrator" { Role::Administrator } else { Role::Agent };
        AgentForm {
            email: form.text("email"),
            name: form.text("name"),
            role,
            active: form.text("status") != "disabled",
        }
    }
    pub fn is_administrator(&self) -> bool {
        self.role == Role::Administrator
    }
    pub fn check(&self) -> Result<()> {
        self.check_name()?;
        if self.email.is_empty() {
            return Err(Refusal::Required("Email").into());
        }
        Ok(())
    }
    pub fn check_name(&self) -> Result<()> {
        if self.name.is_empty() {
            return Err(Refusal::Required("Name").into());
        }
        Ok(())
    }
}
