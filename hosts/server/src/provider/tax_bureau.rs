//! The identity service of the electronic tax bureau: a one-time code, given when a person has signed in and been verified there, is
//! exchanged for who they are and for whom they act. `docs/outside-systems.md` has the interface as we assume it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;
use zhengna_core::Timestamp;
use zhengna_core::access::{Account, AssertedRelation, Assertion, IdentityProvider, Provider, ProviderError, VerifiedPerson};
use zhengna_core::identity::{AuthorityCode, NumberKind, RealNameLevel, Role, term_begin, term_end};

use super::tokens::{Fetched, Tokens};
use super::{CALL_MAX, Failure, patiently, with_token};
use crate::outbound;

/// "Too many" lasts so long, where the service does not say.
const BUSY_S: u32 = 60;

/// See the [module](self).
pub(super) struct TaxBureau {
    agent: ureq::Agent,
    url: String,
    client_id: String,
    secret: Zeroizing<String>,
    tokens: Tokens,
}

/// What the service says of a person. Names are those of the bureau's own interfaces.
#[derive(Deserialize)]
struct Said {
    /// 用户标识.
    yhid: String,
    /// 姓名.
    xm: String,
    /// 身份证件类型代码.
    sfzjlx_dm: String,
    /// 身份证件号码.
    sfzjhm: String,
    /// 手机号码.
    sjhm: Option<String>,
    /// 认证级别.
    rzjb: String,
    /// 认证时间.
    rzsj: String,
    /// 主管税务机关代码.
    zgswj_dm: Option<String>,
    /// 关联关系, each as it comes: see [`Said::relations`].
    glgx: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct SaidRelation {
    /// 纳税人识别号.
    nsrsbh: String,
    /// 关联身份代码.
    glsf_dm: String,
    /// 关联起始时间.
    glqssj: String,
    /// 关联终止时间.
    glzzsj: Option<String>,
    /// 解除标志, Y or N.
    jcbz: String,
}

impl TaxBureau {
    pub(super) fn new(url: &str, client_id: &str, secret: Zeroizing<String>) -> Self {
        let (url, client_id) = (url.trim_end_matches('/').to_owned(), client_id.to_owned());
        Self { agent: outbound::agent(CALL_MAX), url, client_id, secret, tokens: Tokens::default() }
    }

    fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Value, Failure> {
        patiently(|| {
            let mut request = self.agent.post(format!("{}{path}", self.url)).header("content-type", "application/json");
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let (status, answer) = outbound::json_of(request.send(body.to_string())).map_err(ProviderError::Unavailable)?;
            if status >= 500 {
                return Err(ProviderError::Unavailable(format!("status {status}")).into());
            }
            match answer["code"].as_str() {
                Some("0000") => Ok(Some(answer)),
                Some("9998") => Ok(None),
                Some("1001") => Err(ProviderError::Spent.into()),
                Some("1002" | "1003") => Err(ProviderError::AccountRefused.into()),
                Some("2001") => Err(Failure::TokenRefused),
                Some("3001") => Err(ProviderError::Busy { retry_after_s: BUSY_S }.into()),
                Some(code) if code.len() <= 8 && code.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                    Err(ProviderError::Misconfigured(format!("code {code}")).into())
                }
                Some(_) => Err(strange("code").into()),
                None => Err(ProviderError::Unavailable(format!("status {status}, and no code")).into()),
            }
        })
    }

    fn token(&self, now: Timestamp, refused: Option<&str>) -> Result<Zeroizing<String>, ProviderError> {
        self.tokens.get(now, refused, || {
            let body = json!({ "grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.secret.as_str() });
            let answer = self.post("/oauth2/token", None, &body)?;
            let text = answer["access_token"].as_str().filter(|t| !t.is_empty()).ok_or_else(|| strange("access_token"))?;
            let good_for = answer["expires_in"].as_u64().filter(|s| (1..=24 * 3600).contains(s)).ok_or_else(|| strange("expires_in"))?;
            let good_for = Duration::from_secs(good_for);
            Ok(Fetched { text: Zeroizing::new(text.to_owned()), good_for })
        })
    }
}

fn strange(what: &str) -> ProviderError {
    ProviderError::Misconfigured(format!("{what} cannot be understood"))
}

fn number_kind(code: &str) -> Result<NumberKind, ProviderError> {
    Ok(match code {
        "201" => NumberKind::ResidentId,
        "208" | "227" => NumberKind::Passport,
        "210" => NumberKind::HongKongMacaoPermit,
        "213" => NumberKind::TaiwanPermit,
        "233" => NumberKind::ForeignResidence,
        _ => return Err(strange("sfzjlx_dm")),
    })
}

fn level(code: &str) -> Result<RealNameLevel, ProviderError> {
    Ok(match code {
        "2" => RealNameLevel::NameAndNumber,
        "3" => RealNameLevel::NameNumberAndPhone,
        "4" => RealNameLevel::Face,
        "5" => RealNameLevel::InPerson,
        _ => return Err(strange("rzjb")),
    })
}

/// Kinds of relations that are not ours are left out: the service has more than we ask for.
fn role(code: &str) -> Option<Role> {
    Some(match code {
        "01" => Role::LegalRepresentative,
        "02" => Role::FinanceOfficer,
        "03" => Role::TaxHandler,
        "04" => Role::InvoiceIssuer,
        "05" => Role::InvoiceCollector,
        "06" => Role::TaxAgent,
        _ => return None,
    })
}

impl SaidRelation {
    fn read(&self) -> Option<AssertedRelation> {
        let role = role(&self.glsf_dm)?;
        let ends_at = term_end("glzzsj", self.glzzsj.as_deref().unwrap_or_default()).ok()?;
        let released = match self.jcbz.as_str() {
            "Y" => true,
            "N" => false,
            _ => return None,
        };
        let starts_at = term_begin("glqssj", &self.glqssj).ok()?;
        Some(AssertedRelation { enterprise: self.nsrsbh.clone(), role, starts_at, ends_at, released })
    }
}

impl Said {
    /// The relations that can be understood: nobody is kept from signing in by one that cannot.
    fn relations(&self) -> Vec<AssertedRelation> {
        let said = self.glgx.as_deref().unwrap_or_default();
        let read = |relation: &Value| SaidRelation::deserialize(relation).ok()?.read();
        let relations: Vec<_> = said.iter().filter_map(read).collect();
        if relations.len() < said.len() {
            tracing::info!(all = said.len(), taken = relations.len(), "relations that are not ours, or cannot be understood, are left out");
        }
        relations
    }
}

impl IdentityProvider for TaxBureau {
    fn provider(&self) -> Provider {
        Provider::ElectronicTaxBureau
    }

    fn exchange(&self, proof: &str, now: Timestamp) -> Result<Assertion, ProviderError> {
        let body = json!({ "code": proof });
        let exchange = |token: &str| self.post("/identity/v1/exchange", Some(token), &body);
        let answer = with_token(|refused| self.token(now, refused), exchange)?;
        read(&self.client_id, &answer["data"])
    }
}

/// What the service says of a person, given to the client `client_id`.
///
/// # Errors
/// `Misconfigured` with the field that cannot be understood: nothing is guessed.
pub fn read(client_id: &str, data: &Value) -> Result<Assertion, ProviderError> {
    let said = Said::deserialize(data).map_err(|_| strange("data"))?;
    if said.yhid.trim().is_empty() {
        return Err(strange("yhid"));
    }
    let person = VerifiedPerson {
        number_kind: number_kind(&said.sfzjlx_dm)?,
        level: level(&said.rzjb)?,
        verified_at: term_begin("rzsj", &said.rzsj).map_err(|_| strange("rzsj"))?,
        authority: said.zgswj_dm.as_deref().and_then(|code| AuthorityCode::parse(code).ok()),
        relations: said.relations(),
        name: said.xm,
        number: said.sfzjhm,
        phone: said.sjhm.filter(|phone| !phone.is_empty()),
    };
    let account = Account { app_id: client_id.to_owned(), user_id: said.yhid };
    Ok(Assertion { account, once: None, person: Some(person) })
}
