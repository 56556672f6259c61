//! The user and group that a server becomes when its sockets are bound.

use super::handle::text;
use super::types::{gid_t, lws_context_creation_info, uid_t};
use crate::engine::context::CreateError;

/// What `info` asks the process to become; nothing where it does not say.
#[derive(Default)]
pub(super) struct Privileges {
    user: Option<uid_t>,
    group: Option<gid_t>,
}

impl Privileges {
    /// Reads `uid`, `gid`, `username` and `groupname`; the names win. A user's group is its primary one unless another is
    /// named.
    ///
    /// # Safety
    /// The names are NULL or C strings.
    pub(super) unsafe fn read(info: &lws_context_creation_info) -> Result<Self, CreateError> {
        let mut user = Some(info.uid).filter(|&id| id != 0 && id != uid_t::MAX);
        let mut group = Some(info.gid).filter(|&id| id != 0 && id != gid_t::MAX);
        // SAFETY: the caller's promise.
        let (username, groupname) = unsafe { (text(info.username), text(info.groupname)) };
        if let Some(name) = groupname {
            let found = uzers::get_group_by_name(&name)
                .ok_or_else(|| CreateError::new("groupname", &name, "no such group"))?;
            group = Some(found.gid());
        }
        if let Some(name) = username {
            let found = uzers::get_user_by_name(&name)
                .ok_or_else(|| CreateError::new("username", &name, "no such user"))?;
            user = Some(found.uid());
            group = group.or(Some(found.primary_group_id()));
        }
        Ok(Self { user, group })
    }

    /// Makes the whole process that user and group, for good.
    pub(super) fn drop_to(&self) -> Result<(), CreateError> {
        let failed =
            |field: &'static str, id: u32| CreateError::new(field, id, std::io::Error::last_os_error());
        if let Some(group) = self.group {
            // SAFETY: plain system calls; the list has the one element it says.
            if unsafe { libc::setgroups(1, &raw const group) != 0 || libc::setgid(group) != 0 } {
                return Err(failed("gid", group));
            }
        }
        if let Some(user) = self.user {
            // SAFETY: a plain system call.
            if unsafe { libc::setuid(user) } != 0 {
                return Err(failed("uid", user));
            }
        }
        Ok(())
    }
}
