//! Looks up who a container's process runs as, in the image's own `/etc/passwd` and `/etc/group`.

/// Who a process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User ID.
    pub uid: u32,
    /// Group ID.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
    /// The home directory.
    pub home: String,
}

/// Resolves `user`, `user:group`, with names or numbers, as Docker does; `None` is root.
///
/// # Errors
/// Docker's sentence for a name that the image does not know.
pub fn resolve(wanted: Option<&str>, passwd: &str, group: &str) -> Result<User, String> {
    let (user, wanted_group) = match wanted.unwrap_or("0").split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (wanted.unwrap_or("0"), None),
    };
    let number = id(user);
    // A name that looks like a number is a number.
    let account = accounts(passwd).find(|account| match number {
        Some(uid) => account.uid == uid,
        None => account.name == user,
    });
    let (uid, gid, home, name) = match (account, number) {
        (Some(account), _) => (account.uid, account.gid, account.home, Some(account.name)),
        (None, Some(uid)) => (uid, 0, "/", None),
        (None, None) => {
            return Err(format!("unable to find user {user}: no matching entries in passwd file"));
        }
    };
    let home = if home.is_empty() { "/" } else { home };
    let (gid, groups) = match wanted_group {
        Some(wanted) => (find_group(wanted, group)?, Vec::new()),
        None => (gid, name.map(|name| groups_of(name, group)).unwrap_or_default()),
    };
    Ok(User { uid, gid, groups, home: home.to_owned() })
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

fn accounts(passwd: &str) -> impl Iterator<Item = Account<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, id(fields.next()?)?, id(fields.next()?)?);
        Some(Account { name, uid, gid, home: fields.nth(1).unwrap_or("/") })
    })
}

fn find_group(wanted: &str, group: &str) -> Result<u32, String> {
    if let Some(gid) = id(wanted) {
        return Ok(gid);
    }
    let mut known = groups(group).filter(|(name, ..)| *name == wanted);
    known
        .next()
        .map(|(_, gid, _)| gid)
        .ok_or_else(|| format!("unable to find group {wanted}: no matching entries in group file"))
}

fn groups_of(user: &str, group: &str) -> Vec<u32> {
    groups(group)
        .filter(|(.., members)| members.split(',').any(|name| name == user))
        .map(|(_, gid, _)| gid)
        .collect()
}

fn groups(group: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    group.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _, gid) = (fields.next()?, fields.next()?, id(fields.next()?)?);
        Some((name, gid, fields.next().unwrap_or_default()))
    })
}

/// A user's or group's number; the greatest one means "nobody in particular" to the kernel, and is none.
fn id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id < u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\njob:x:1000:100:Job:/home/job:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nstaff:x:50:job,other\nusers:x:100:\n";

    #[test]
    fn resolves_names_and_numbers() {
        let user = |uid, gid, groups: &[u32], home: &str| User {
            uid,
            gid,
            groups: groups.to_vec(),
            home: home.to_owned(),
        };
        let cases = [
            (None, user(0, 0, &[], "/root")),
            (Some("job"), user(1000, 100, &[50], "/home/job")),
            (Some("1000"), user(1000, 100, &[50], "/home/job")),
            (Some("job:staff"), user(1000, 50, &[], "/home/job")),
            (Some("7"), user(7, 0, &[], "/")),
            (Some("7:9"), user(7, 9, &[], "/")),
        ];
        for (wanted, expected) in cases {
            assert_eq!(resolve(wanted, PASSWD, GROUP), Ok(expected), "{wanted:?}");
        }
        assert!(resolve(Some("nobody"), PASSWD, GROUP).is_err());
        assert!(resolve(Some("job:none"), PASSWD, GROUP).is_err());
    }
}
