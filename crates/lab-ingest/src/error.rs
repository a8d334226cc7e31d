/// Why a config file could not be read as settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The name has no ending that stands for a known format.
    #[error("not a known kind of config file")]
    UnknownFormat,
    /// The file is not text.
    #[error("a config file must be UTF-8 text")]
    NotText,
    /// The file is too big to be settings.
    #[error("a config file of {size_bytes} bytes is over the limit of {limit_bytes}")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// Nested too deeply.
    #[error("the settings are nested more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Too many settings, perhaps by YAML aliases.
    #[error("more than {limit} settings")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// Not valid YAML.
    #[error("not valid YAML: {0}")]
    Yaml(#[from] yaml_serde::Error),
    /// Not valid TOML.
    #[error("not valid TOML: {0}")]
    Toml(#[from] toml::de::Error),
    /// Not valid JSON.
    #[error("not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
}
