//! The container of `docs/ci.md`, made of namespaces: nobody has to be root for it, and no container engine is needed.

const DOCUMENT: &str = include_str!("../../../docs/ci.md");

/// Makes a root of nothing but the system's programs, ours and the volumes, all of it read-only but `/app`, and runs the
/// command in it. `$1` is an empty folder, `$2` the program, `$3` what is `/app`, `$4` what is `/etc/spin-deployer`, `$5`
/// the file with the token, `$6` the user and `$7` the group.
pub(super) const CONTAINER: &str = r#"
set -e
root=$1
mount -t tmpfs -o mode=755 none "$root"
cd "$root"
mkdir -p usr proc dev tmp app opt etc/spin-deployer run/secrets
mount --rbind /usr usr
for folder in bin sbin lib lib64; do
    if [ -L /$folder ]; then cp -a /$folder .; elif [ -d /$folder ]; then mkdir $folder; mount --rbind /$folder $folder; fi
done
mount --rbind /proc proc
for device in null zero random urandom; do touch dev/$device; mount --bind /dev/$device dev/$device; done
touch opt/spin-deployer run/secrets/hippo
mount --bind "$2" opt/spin-deployer
mount --bind "$4" etc/spin-deployer
mount --bind "$5" run/secrets/hippo
while read -r _ _ _ _ at options _; do
    case $at in
        "$root/proc"*) ;;
        "$root"|"$root/"*) mount -o "remount,bind,ro,${options#r?,}" "$at" ;;
    esac
done < /proc/self/mountinfo
mount --bind "$3" app
user=$6 group=$7
shift 7
exec unshare --user --map-user="$user" --map-group="$group" --root="$root" --wd=/app \
    setpriv --no-new-privs --inh-caps=-all "$@"
"#;

/// A block of the document: what is between the fences that come after this heading and begin with this text.
pub(super) fn block(heading: &str, language: &str, begin: &str) -> String {
    let (_, section) = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let fence = format!("```{language}\n");
    let blocks = section.split(&fence).skip(1);
    let mut blocks = blocks.map(|block| block.split("\n```").next().unwrap());
    blocks
        .find(|block| block.starts_with(begin))
        .unwrap()
        .replace("\\\n", " ")
}

/// The words of a line of a shell, up to its comment.
pub(super) fn words(line: &str) -> Vec<&str> {
    let words = line.split_whitespace().take_while(|word| *word != "#");
    words.map(|word| word.trim_matches('"')).collect()
}

/// What the document says to run, and how.
pub(super) struct Job {
    pub(super) user: String,
    pub(super) variables: Vec<(String, String)>,
    pub(super) command: Vec<String>,
}

impl Job {
    pub(super) fn of_the_document() -> Self {
        let block = block("On the runner", "sh", "podman run");
        let words = words(&block);
        let (flags, command) = words.split_at(
            1 + words
                .iter()
                .position(|word| *word == "image-with-spin-deployer")
                .unwrap(),
        );
        let after = |flag: &str| -> Vec<String> {
            let pairs = flags.windows(2).filter(|pair| pair[0] == flag);
            pairs.map(|pair| pair[1].to_owned()).collect()
        };
        let volumes = [
            "$PWD:/app",
            "/etc/spin-deployer:/etc/spin-deployer:ro",
            "$HIPPO_TOKEN_PATH:/run/secrets/hippo:ro",
        ];
        // What CONTAINER does, and no more of it.
        assert_eq!(after("--volume"), volumes);
        assert_eq!(after("--workdir"), ["/app"]);
        assert_eq!(after("--cap-drop"), ["all"]);
        assert!(flags.contains(&"--read-only"));
        let variables = after("--env").into_iter().map(|variable| {
            let (name, value) = variable.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        });
        Self {
            user: after("--user").remove(0),
            variables: variables.collect(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
        }
    }
}
