//! `postern admin`: an administrator without a browser.
use crate::Program;
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use clap::{Args, Subcommand};
use desk::people::agent::{self, NewAgent, Role};
use desk::{Actor, By};
use secrecy::SecretString;
use serde_json::json;

#[derive(Subcommand)]
pub enum Command {
    /// Make an administrator
    Create(Person),
    /// Set a new password for an agent and make it an active administrator
    Reset(Person),
}
#[derive(Args)]
pub struct Person {
    /// The address to sign in with
    #[arg(long)]
    email: String,
    /// The name on the page; without it, the part of the address before the @
    #[arg(long)]
    name: Option<String>,
    /// Read the password from standard input (its first line)
    #[arg(long, required = true)]
    password_stdin: bool,
}

pub fn run(program: &Program, command: Command) -> Result<Done, Failure> {
    let by = By { actor: Actor::System, at: courier::Clock::system().now() };
    match command {
        Command::Create(person) => {
            let hash = agent::hash_password(&password()?, courier::Random::system().bytes())?;
            let desk = open::desk(&program.config, Missing::Make)?;
            let new = NewAgent {
                email: person.email.clone(),
                name: person.name.clone().unwrap_or_else(|| name_of(&person.email)),
                role: Role::Administrator,
                password_hash: hash,
            };
            desk.db.write(|tx| agent::create(tx, &by, &new))?;
            said(program, &person.email, "created")
        }
        Command::Reset(person) => {
            let hash = agent::hash_password(&password()?, courier::Random::system().bytes())?;
            let desk = open::desk(&program.config, Missing::Refuse)?;
            desk.db.write(|tx| {
                let Some((mut found, _)) = agent::find_by_email(tx, &person.email)? else {
                    return Err(desk::Refusal::NotFound("agent").into());
                };
                found.role = Role::Administrator;
                found.active = true;
                if let Some(name) = &person.name {
                    found.name.clone_from(name);
                }
                agent::change(tx, &by, &found)?;
                agent::set_password(tx, &by, found.id, &hash, None)
            })?;
            said(program, &person.email, "reset")
        }
    }
}

fn said(program: &Program, email: &str, what: &str) -> Result<Done, Failure> {
    let document = json!({ "email": email, "role": "administrator", "done": what });
    output::print(program.json, &document, || match what {
        "reset" => format!("{email} is an administrator with a new password. Its sessions have ended."),
        _ => format!("{email} is an administrator and can sign in."),
    })
}

fn name_of(email: &str) -> String {
    email.split('@').next().unwrap_or(email).to_owned()
}

fn password() -> Result<SecretString, Failure> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::usage("standard input holds no password; write it as one line"));
    }
    Ok(SecretString::from(password))
}
