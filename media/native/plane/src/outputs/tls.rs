//! The certificate of the viewers' listener: read at the start, and again when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};

use crate::config::PlaneConfig;
use crate::error::PlaneError;

/// Time between two looks at the files.
const LOOK_EVERY_US: u64 = 2_000_000;

/// Where certificate chain and key are, and what they held when they were last good.
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    config: Arc<ServerConfig>,
    seen: [Option<SystemTime>; 2],
    look_at_us: u64,
}

impl Certificate {
    /// As the settings say; none where no TLS is wanted.
    pub(crate) fn of(config: &PlaneConfig) -> Result<Option<Certificate>, PlaneError> {
        let (chain, key) = (&config.tls_certificate, &config.tls_key);
        match (chain.as_os_str().is_empty(), key.as_os_str().is_empty()) {
            (true, true) => Ok(None),
            (false, false) => Certificate::open(chain, key)
                .map(Some)
                .map_err(|message| PlaneError::BadArgument(format!("TLS: {message}"))),
            _ => Err(PlaneError::BadArgument(
                "TLS: a certificate needs its key, and a key its certificate".into(),
            )),
        }
    }

    /// Reads both files. An error names the file and says what is wrong with it.
    fn open(chain: &Path, key: &Path) -> Result<Certificate, String> {
        Ok(Certificate {
            chain: chain.to_owned(),
            key: key.to_owned(),
            seen: seen(chain, key),
            config: load(chain, key)?,
            look_at_us: 0,
        })
    }

    /// For the next connection.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Reads the files again if they have changed. Open connections go on; new ones get the new certificate, or
    /// the old one while the files are not good. None = there was nothing to do.
    pub(crate) fn refresh(&mut self, now_us: u64) -> Option<Result<(), String>> {
        if now_us < self.look_at_us {
            return None;
        }
        self.look_at_us = now_us + LOOK_EVERY_US;
        let seen = seen(&self.chain, &self.key);
        if seen == self.seen {
            return None;
        }
        self.seen = seen;
        Some(load(&self.chain, &self.key).map(|config| self.config = config))
    }
}

fn seen(chain: &Path, key: &Path) -> [Option<SystemTime>; 2] {
    [chain, key].map(|path| {
        std::fs::metadata(path)
            .and_then(|data| data.modified())
            .ok()
    })
}

fn load(chain: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("{}: {error}", chain.display()))?;
    if certificates.is_empty() {
        return Err(format!("{}: no certificate in it", chain.display()));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{}: {error}", key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(certificates, private)
        })
        .map_err(|error| {
            format!(
                "{} and {} do not make a pair: {error}",
                chain.display(),
                key.display()
            )
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
