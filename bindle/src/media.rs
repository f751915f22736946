//! What parcels are, by the name of their kind.
//!
//! A server hands a parcel out with the media type of its label, and nothing else depends on it but the manifest's. So the
//! table is short: what a web page is made of, and what is usual beside it.

/// Readers find the manifest by this media type: exactly one parcel of a bindle has it.
pub const MANIFEST: &str = "application/vnd.fermyon.spin+toml";
pub(crate) const WASM: &str = "application/wasm";
const OTHER: &str = "application/octet-stream";

/// Extensions in lower case.
const BY_EXTENSION: [(&str, &str); 45] = [
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/x-icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("md", "text/markdown"),
    ("mjs", "text/javascript"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("rss", "application/rss+xml"),
    ("rtf", "application/rtf"),
    ("sql", "application/sql"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "text/x-toml"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain"),
    ("wasm", WASM),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xml", "text/xml"),
    ("zip", "application/zip"),
];

/// The media type of a file, as its extension says.
pub(crate) fn of_path(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((_, extension)) = name.rsplit_once('.') else {
        return OTHER;
    };
    let extension = extension.to_ascii_lowercase();
    BY_EXTENSION
        .binary_search_by_key(&extension.as_str(), |(known, _)| known)
        .map_or(OTHER, |at| BY_EXTENSION[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_extension_of_the_table_is_found() {
        for (extension, media_type) in BY_EXTENSION {
            assert_eq!(of_path(&format!("a.b/c.{extension}")), media_type);
        }
    }

    #[test]
    fn the_extension_decides_whatever_its_case() {
        for (path, expected) in [
            ("static/Logo.PNG", "image/png"),
            ("a.html/data", OTHER),
            ("Makefile", OTHER),
            (".css", "text/css"),
            ("x.unknown", OTHER),
            ("x.", OTHER),
        ] {
            assert_eq!(of_path(path), expected, "{path}");
        }
    }
}
