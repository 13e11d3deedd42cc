//! For each route what it is asked about: objects in each of their states, and what refuses a call beyond its row in the table.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;
use zhengna_core::access::{Permission, Plane};
use zhengna_core::approval::Delegate;
use zhengna_core::interaction::SendMessage;

use super::case::{Case, NOBODY, Object, Terms};
use super::people::chain;
use super::scene::{Matters, Put, Scene, Talk};
use super::{Refusal, Why};
use crate::calendar::notice;
use crate::world::{CHANGCHUN, JILIN_CITY, NANGUAN, PROVINCE};

impl<'a> Scene<'a> {
    /// The samples of a route; none where nobody thought of it.
    #[expect(clippy::too_many_lines, reason = "a table")]
    pub fn cases<'s>(&'s self, id: &str) -> Option<Vec<Case<'s>>> {
        let none = |_: Talk| None;
        let just = |object: fn() -> Object| vec![Case::new("-", object)];
        let in_line = |talk: Talk| match talk {
            Talk::Waiting => None,
            Talk::Active | Talk::ActiveElsewhere => Some((409, "interaction.already_served")),
            Talk::Closed | Talk::Left => Some((409, "interaction.closed")),
        };
        let not_over = |talk: Talk| matches!(talk, Talk::Closed | Talk::Left).then_some((409, "interaction.closed"));
        let active = |talk: Talk| (!matches!(talk, Talk::Active | Talk::ActiveElsewhere)).then_some((409, "interaction.closed"));
        let reason = || json!({ "reason": "工作需要" });
        let on_card = json!({ "taxpayer": self.world.taxpayers[0], "field": "name", "reason": "核对身份" });
        Some(match id {
            "appeal.mine" | "appeal.list" => just(|| Object::new().query("?limit=2")),
            "appeal.read" => self.complaints(Value::Null, None),
            "appeal.answer" => self.complaints(json!({ "text": "已整改" }), Some((409, "appeal.closed"))),
            "appeal.file" => {
                let about = |id: String| json!({ "about": { "conversation": id }, "text": "答非所问" });
                let mut cases: Vec<Case<'s>> = [("-@served", Talk::Active, None), ("-@unserved", Talk::Waiting, Some((422, "invalid")))]
                    .into_iter()
                    .map(|(name, talk, refusal)| {
                        Case::new(name, move || {
                            let (_, id, terms) = self.talk(talk, NANGUAN);
                            Object::new().body(about(id.to_string())).under(terms).state(refusal)
                        })
                    })
                    .collect();
                cases.push(Case::new("-@authority", || {
                    Object::new().body(json!({ "about": { "authority": NANGUAN }, "text": "无人接待" }))
                }));
                cases.push(Case::new("missing", move || Object::new().body(about(NOBODY.into())).missing()));
                cases
            }
            "identity.examine_list" => vec![self.list("-", false, "?list=people&name=%E5%90%8D%E5%8D%95")],
            "identity.propose_import" => {
                vec![self.list("-", false, "?list=people&name=%E5%90%8D%E5%8D%95&reason=%E5%B9%B4%E5%BA%A6%E7%99%BB%E8%AE%B0").spent()]
            }
            "identity.import_list" => vec![
                self.list("agreed", true, "?list=people&name=%E5%90%8D%E5%8D%95").spent(),
                self.list("unheard_of", false, "?list=people&name=%E5%90%8D%E5%8D%95"),
            ],
            "control.alerts" => just(|| Object::new().query("?limit=2")),
            "control.review_alert" => {
                let body = || json!({ "verdict": "dismissed", "reason": "误操作" });
                let of = |name: &str, at: &'static str, over: bool| {
                    let make = move || {
                        let alert = self.alert(at);
                        if over {
                            self.review(alert);
                        }
                        let under = Terms { authority: Some(at), ..Terms::default() };
                        let state = over.then_some((409, "control.reviewed"));
                        Object::new().at("alert", alert).body(body()).under(under).state(state)
                    };
                    Case::new(format!("{name}@{at}"), make).spent()
                };
                let mut cases = vec![of("open", NANGUAN, false), of("open", JILIN_CITY, false), of("reviewed", NANGUAN, true)];
                cases.push(Case::new("missing", move || Object::new().at("alert", NOBODY).body(body()).missing()));
                cases
            }
            "access.me"
            | "access.me.permissions"
            | "control.rules"
            | "audit.verification"
            | "calendar.legal_numbers"
            | "access.linked_identities"
            | "approval.delegations"
            | "interaction.lines"
            | "interaction.offers"
            | "interaction.wall"
            | "access.posts"
            | "access.emergency_posts"
            | "access.separations"
            | "interaction.be_present"
            | "access.issue_ticket" => just(Object::new),
            "access.officers" | "interaction.mine" | "interaction.conversations" | "approval.list" => {
                just(|| Object::new().query("?limit=2"))
            }
            "journal.events" => just(|| Object::new().query("?cursor=0.0&limit=2")),
            "journal.follow" => vec![Case::new("-", Object::new).refusals_only()],
            "calendar.year" | "calendar.filing_periods" => just(|| Object::new().at("year", "2026")),
            "calendar.due" => just(|| Object::new().query("?began=2026-12-31T10:00:00%2B08:00&amount=1&unit=working_days")),
            "audit.read" => just(|| Object::new().body(json!({ "after": 0, "limit": 1 }))),
            "access.sign_out" => vec![Case::new("-", Object::new).refusals_only()],
            "access.change_password" => vec![
                Case::new("-", || {
                    let body = json!({ "current": "Not-The-One-2026", "password": "Ming-Tian-2026" });
                    Object::new().body(body).rule(|caller| {
                        (!caller.password).then_some(Refusal { why: Why::State, status: 401, code: "access.sign_in_required" })
                    })
                })
                .also(&["access.wrong_password", "access.locked"]),
            ],
            "access.enrol_factor" => vec![Case::new("-", || {
                Object::new()
                    .rule(|caller| caller.factor.then_some(Refusal { why: Why::State, status: 409, code: "access.second_factor_enrolled" }))
            })],
            "access.confirm_factor" => vec![
                Case::new("-", || {
                    Object::new().body(json!({ "code": "000000" })).rule(|caller| {
                        caller.factor.then_some(Refusal { why: Why::State, status: 409, code: "access.second_factor_enrolled" })
                    })
                })
                .also(&["access.wrong_code", "access.no_second_factor"]),
            ],
            "access.remove_factor" => vec![
                Case::new("-", || {
                    Object::new().body(json!({ "code": "000000" })).rule(|caller| {
                        (!caller.password).then_some(Refusal { why: Why::State, status: 401, code: "access.sign_in_required" })
                    })
                })
                .also(&["access.wrong_code", "access.locked"]),
            ],
            "access.unlink_identity" => vec![Case::new("not_linked", || {
                let none = Refusal { why: Why::State, status: 404, code: "not_found" };
                Object::new().at("provider", "electronic_tax_bureau").rule(move |_| Some(none))
            })],
            "identity.take_phone" => just(|| Object::new().body(json!({ "code": "13900001234" }))),
            "access.give_password" => self.subordinates(json!({ "password": "Gei-Ni-Yong-2026" }), false),
            "access.reset_factor" => self.subordinates(Value::Null, true),
            "access.record_leave" => self.subordinates(json!({ "left_at": null }), false),
            "access.grants" => [("-@within", NANGUAN), ("-@above", CHANGCHUN), ("-@elsewhere", JILIN_CITY)]
                .into_iter()
                .map(|(name, home)| {
                    Case::new(name, move || {
                        let officer = self.staff.officer(home);
                        Object::new().at("officer", officer).under(Terms { authority: Some(home), ..Terms::default() })
                    })
                })
                .chain([Case::new("missing", || Object::new().at("officer", NOBODY).missing())])
                .collect(),
            "access.add_officer" => self.placed(Permission::ManageAccess, |at| {
                let staff_no = format!("229{:05}", self.staff.serial());
                json!({ "staff_no": staff_no, "name": "新人", "authority": at, "capacity": 1 })
            }),
            "access.propose_change" => {
                let mut cases = self.placed(Permission::ManageAccess, |at| {
                    let officer = self.staff.officer(at);
                    let grant = json!({ "officer": officer, "post": self.staff.post(&[Permission::ServeTaxpayers]), "authority": at, "ends_at": null });
                    json!({ "change": { "grant": grant }, "reason": "工作需要" })
                });
                let everywhere = move || {
                    let post = json!({ "post": null, "name": format!("新岗位{}", self.staff.serial()), "permissions": ["manage_lines"], "emergency": false });
                    Object::new().body(json!({ "change": { "post": post }, "reason": "工作需要" })).rule(|caller| {
                        let above = Refusal { why: Why::Reach, status: 403, code: "access.denied" };
                        (!caller.may_at(Permission::ManageAccess, PROVINCE)).then_some(above)
                    })
                };
                cases.push(Case::new("-@everybody", everywhere).spent());
                cases
            }
            "access.end_grant" => [NANGUAN, CHANGCHUN, JILIN_CITY]
                .into_iter()
                .map(|at| {
                    let make = move || {
                        let grant = self.staff.grant(self.staff.officer(at), &[Permission::ServeTaxpayers], at, None);
                        Object::new().at("grant", grant).body(reason()).rule(move |caller| {
                            let missing = Refusal { why: Why::Reach, status: 404, code: "not_found" };
                            (!caller.may_at(Permission::ApproveAccess, at)).then_some(missing)
                        })
                    };
                    Case::new(format!("-@{at}"), make).spent()
                })
                .chain([Case::new("missing", move || Object::new().at("grant", NOBODY).body(reason()).missing())])
                .collect(),
            "access.take_emergency_post" => {
                // A post of its own each time: one of the same waits for somebody to look at it.
                self.placed(
                    Permission::TakeEmergencyPost,
                    |at| json!({ "post": self.emergency(), "authority": at, "minutes": 1, "reason": "故障" }),
                )
            }
            "identity.view_taxpayer" | "identity.relations" | "grid.officers" => self.taxpayers(Value::Null),
            "grid.assign_officer" => self.taxpayers(json!({ "reason": "调整" })),
            "identity.reveal_taxpayer" => self.taxpayers(json!({ "field": "name", "reason": "核对身份" })),
            "identity.release_relation" => {
                let body = |person: &str| json!({ "role": "tax_handler", "person": person, "reason": "离职" });
                let me = self.world.taxpayers[0];
                let make = move || {
                    let company = loop {
                        let n = usize::try_from(self.staff.serial()).expect("a small number");
                        if let Ok(company) = self.world.employed(n) {
                            break company;
                        }
                    };
                    let terms = Terms { authority: Some(NANGUAN), participants: vec![company, me], ..Terms::default() };
                    Object::new().at("taxpayer", company).body(body(&me.to_string())).under(terms)
                };
                vec![
                    Case::new("holds", make).spent(),
                    Case::new("missing_enterprise", move || Object::new().at("taxpayer", NOBODY).body(body(&me.to_string())).missing()),
                    Case::new("missing", move || Object::new().at("taxpayer", NOBODY).body(body(NOBODY)).missing()),
                ]
            }
            "identity.request_disclosure" => {
                let me = self.world.taxpayers[0];
                let of = |at: &'static str, whom: Uuid, known: bool| {
                    let body = json!({ "taxpayers": [whom.to_string()], "fields": ["phone"], "authority": at, "reason": "专项核查" });
                    let name = format!("{}@{at}", if known { "known" } else { "missing" });
                    Case::new(name, move || {
                        Object::new().body(body.clone()).rule(move |caller| {
                            let refuse = |status, code| Some(Refusal { why: Why::Reach, status, code });
                            match (caller.may_at(Permission::RevealPersonalData, at), known) {
                                (false, _) => refuse(422, "invalid"),
                                (true, false) => refuse(404, "not_found"),
                                (true, true) => None,
                            }
                        })
                    })
                };
                let nobody = Uuid::parse_str(NOBODY).expect("well formed");
                vec![of(NANGUAN, me.uuid(), true), of(CHANGCHUN, me.uuid(), true), of(NANGUAN, nobody, false)]
            }
            "identity.disclose" => {
                let cases: Put<'s> = vec![
                    ("pending", Box::new(|| self.disclosure("pending", NANGUAN))),
                    ("approved", Box::new(|| self.disclosure("approved", NANGUAN))),
                    ("done", Box::new(|| self.disclosure("done", NANGUAN))),
                ];
                self.approvals(Matters::carry_out, |_| Value::Null, cases)
            }
            "identity.reveal_on_card" => self.talks(none, on_card, false),
            "interaction.messages"
            | "interaction.conversation"
            | "interaction.assignments"
            | "interaction.whispers"
            | "interaction.parallel"
            | "interaction.position"
            | "interaction.typing"
            | "interaction.transcript"
            | "identity.card" => self.talks(none, Value::Null, false),
            "interaction.canned_replies" | "interaction.managed_canned_replies" => just(|| Object::new().query("?limit=2")),
            "interaction.put_canned_reply" => {
                let body = |reply: Value, at: &str| json!({ "reply": reply, "authority": at, "topic": "个税", "text": "请打开应用" });
                let mut cases = self.placed(Permission::ManageLines, move |at| body(Value::Null, at));
                for at in [NANGUAN, JILIN_CITY] {
                    cases.push(Case::new(format!("known@{at}"), move || {
                        let reply = self.canned_reply(at);
                        Object::new().body(body(json!(reply), at)).rule(move |caller| {
                            let unknown = Refusal { why: Why::Reach, status: 422, code: "invalid" };
                            (!caller.may_at(Permission::ManageLines, at)).then_some(unknown)
                        })
                    }));
                }
                cases
            }
            "interaction.delete_canned_reply" => [NANGUAN, JILIN_CITY]
                .into_iter()
                .map(|at| {
                    let make =
                        move || Object::new().at("reply", self.canned_reply(at)).under(Terms { authority: Some(at), ..Terms::default() });
                    Case::new(format!("-@{at}"), make).spent()
                })
                .chain([Case::new("missing", || Object::new().at("reply", NOBODY).missing())])
                .collect(),
            "interaction.put_own_canned_reply" => {
                let body = |reply: Value| json!({ "reply": reply, "topic": "个税", "text": "请稍等" });
                let desk = self.holder(Permission::ServeTaxpayers, "own");
                let theirs = move || {
                    let terms = Terms { assigned: Some(desk), ..Terms::default() };
                    Object::new().body(body(json!(self.own_reply(desk)))).under(terms)
                };
                vec![
                    Case::new("-", move || Object::new().body(body(Value::Null))),
                    Case::new("somebodys", theirs),
                    Case::new("missing", move || Object::new().body(body(json!(NOBODY))).missing()),
                ]
            }
            "interaction.delete_own_canned_reply" => {
                let desk = self.holder(Permission::ServeTaxpayers, "own");
                let theirs = move || {
                    let terms = Terms { assigned: Some(desk), ..Terms::default() };
                    Object::new().at("reply", self.own_reply(desk)).under(terms)
                };
                vec![Case::new("somebodys", theirs).spent(), Case::new("missing", || Object::new().at("reply", NOBODY).missing())]
            }
            "interaction.review" => self.talks(none, reason(), false),
            "interaction.export_transcript" => self.talks(none, json!({ "format": "json" }), false),
            "interaction.export_reviewed" => self.talks(none, json!({ "format": "page", "reason": "工作需要" }), false),
            "interaction.search" => just(|| Object::new().body(json!({ "text": "您好", "place": null, "limit": 2 }))),
            "interaction.rating_reasons" | "access.authorities" => just(Object::new),
            "interaction.rating" => self.talks(none, Value::Null, false),
            "interaction.rate" => {
                let over = |talk: Talk| match talk {
                    Talk::Closed => None,
                    Talk::Left => Some((409, "interaction.not_served")),
                    _ => Some((409, "interaction.not_over")),
                };
                self.talks(over, json!({ "grade": "satisfied", "reasons": [], "comment": null }), true)
            }
            "interaction.follow_ups" => just(|| Object::new().query("?state=open&limit=2")),
            "interaction.answer_follow_up" | "interaction.revisit_follow_up" => {
                let revisit = id == "interaction.revisit_follow_up";
                let body =
                    move || if revisit { json!({ "revisit": "content", "note": "满意" }) } else { json!({ "answer": "已说明" }) };
                let of = |name: &str, at: &'static str, answered: bool| {
                    let make = move || {
                        let (conversation, desk) = self.rated_low(at, answered);
                        let under = Terms { authority: Some(at), ..Terms::default() };
                        let refused = |code| Some(Refusal { why: Why::State, status: 409, code });
                        Object::new().at("conversation", conversation).body(body()).under(under).rule(move |caller| {
                            match (caller.officer() == Some(desk), answered == revisit) {
                                (true, _) => refused("interaction.own_rating"),
                                (_, false) => refused("interaction.follow_up_state"),
                                _ => None,
                            }
                        })
                    };
                    Case::new(format!("{name}@{at}"), make).spent()
                };
                let mut cases = vec![of("open", NANGUAN, false), of("open", CHANGCHUN, false), of("answered", NANGUAN, true)];
                cases.push(Case::new("missing", move || Object::new().at("conversation", NOBODY).body(body()).missing()));
                cases
            }
            "interaction.mark_read" => self.talks(none, json!({ "number": 1 }), false),
            "interaction.send" => self.talks(not_over, json!({ "text": "您好" }), false),
            "interaction.recall" => {
                let body = || json!({ "number": 1 });
                let mut cases = Vec::new();
                for at in [NANGUAN, CHANGCHUN] {
                    for (talk, name) in [(Talk::Waiting, "waiting"), (Talk::Active, "active")] {
                        let make = move || {
                            let (_, id, terms) = self.talk(talk, at);
                            let typed = SendMessage::new(id, "发错了");
                            self.world.taxpayer(0).interaction().send(typed).wait().expect("is written");
                            let others = Refusal { why: Why::State, status: 409, code: "interaction.not_the_sender" };
                            let object = Object::new().at("conversation", id).body(body()).under(terms);
                            object.rule(move |caller| caller.officer().map(|_| others))
                        };
                        let case = Case::new(format!("{name}@{at}"), make).spent();
                        cases.push(case.also(&["interaction.recall_too_late"]));
                    }
                }
                cases.push(Case::new("missing", move || Object::new().at("conversation", NOBODY).body(body()).missing()));
                cases
            }
            "interaction.close" => self.talks(active, json!({ "outcome": "resolved", "note": null }), true),
            "interaction.leave" => self.talks(in_line, json!({}), true),
            "interaction.prioritise" => self.talks(in_line, reason(), false),
            "interaction.propose_line" => [(NANGUAN, false), (NANGUAN, true), (CHANGCHUN, false), (JILIN_CITY, false), (JILIN_CITY, true)]
                .into_iter()
                .map(|(at, existing)| {
                    Case::new(format!("{}@{at}", if existing { "existing" } else { "-" }), move || {
                        let name = format!("新队列{}", self.staff.serial());
                        let settings = json!({ "name": name, "kind": "general", "hours": "always" });
                        let mut body = json!({ "settings": settings, "reason": "服务需要" });
                        if existing {
                            body["line"] = json!(self.line(at));
                        } else {
                            body["authority"] = json!(at);
                        }
                        let object = Object::new().body(body).under(Terms { authority: Some(at), ..Terms::default() });
                        if existing { object } else { object.beyond(422, "invalid") }
                    })
                    .spent()
                })
                .collect(),
            "interaction.hold" => self.talks(active, json!({ "minutes": 5 }), false),
            "interaction.resume" => self.talks(active, json!({}), false),
            "interaction.join" => self.joined(),
            "interaction.step_out" => self.stepped_out(),
            "interaction.whisper" => self.talks(active, json!({ "text": "先核对身份" }), false),
            // The supervisor above every authority here.
            "interaction.ask_colleague" => self.talks(active, json!({ "staff_no": "22010902", "text": "怎么报" }), false),
            "interaction.merge" => self.merged(),
            "interaction.accept_offer" | "interaction.decline_offer" => {
                let over = |_: Talk| Some((409, "interaction.offer_over"));
                let mut cases = self.talks(over, json!({}), false);
                let make = move || {
                    let (desk, id, terms) = self.offered();
                    Object::new().at("conversation", id).body(json!({})).under(terms).rule(move |caller| {
                        let over = Refusal { why: Why::State, status: 409, code: "interaction.offer_over" };
                        (caller.officer() != Some(desk)).then_some(over)
                    })
                };
                cases.push(Case::new(format!("offered@{NANGUAN}"), make).spent());
                cases
            }
            "interaction.sources" | "interaction.promises" => {
                just(|| Object::new().query("?from=2026-01-01T00:00:00%2B08:00&until=2027-01-01T00:00:00%2B08:00"))
            }
            "interaction.request_callback" => self.talks(in_line, json!({}), false),
            "interaction.transfer" => self.handed_over(),
            "interaction.line" | "interaction.sign_entry" => {
                let query = if id == "interaction.line" { "" } else { "?channel=kiosk" };
                let of = |at: &'static str| {
                    Case::new(format!("-@{at}"), move || {
                        let terms = Terms { authority: Some(at), public: true, ..Terms::default() };
                        Object::new().at("line", self.line(at)).query(query).under(terms)
                    })
                };
                let missing = Case::new("missing", move || Object::new().at("line", NOBODY).query(query).missing());
                vec![of(NANGUAN), of(CHANGCHUN), missing]
            }
            "interaction.waiting" | "interaction.claim" => {
                let claim = id == "interaction.claim";
                let body = if claim { json!({}) } else { Value::Null };
                let mut cases = Vec::new();
                for at in [NANGUAN, CHANGCHUN] {
                    let of = body.clone();
                    let somebody = move || {
                        let (line, _, _) = self.talk(Talk::Waiting, at);
                        Object::new().at("line", line).body(of.clone()).under(Terms {
                            authority: Some(at),
                            public: true,
                            ..Terms::default()
                        })
                    };
                    let somebody = Case::new(format!("somebody_waits@{at}"), somebody);
                    cases.push(if claim { somebody.spent() } else { somebody });
                    let of = body.clone();
                    cases.push(Case::new(format!("nobody_waits@{at}"), move || {
                        let terms = Terms { authority: Some(at), public: true, ..Terms::default() };
                        let state = claim.then_some((409, "interaction.nobody_waiting"));
                        Object::new().at("line", self.line(at)).body(of.clone()).under(terms).state(state)
                    }));
                }
                cases.push(Case::new("missing", move || Object::new().at("line", NOBODY).body(body.clone()).missing()));
                cases
            }
            "interaction.enter" => {
                let body = json!({ "topic": "问" });
                let of = body.clone();
                let make = move || {
                    let terms = Terms { authority: Some(NANGUAN), public: true, ..Terms::default() };
                    Object::new().at("line", self.line(NANGUAN)).body(of.clone()).under(terms)
                };
                vec![Case::new("open", make), Case::new("missing", move || Object::new().at("line", NOBODY).body(body.clone()).missing())]
            }
            "calendar.propose" => {
                let year = move || Object::new().body(serde_json::to_value(notice(self.next_year())).expect("plain data"));
                let mut cases = vec![Case::new("-@a_year", year).spent().also(&["approval.pending"])];
                let hours = |at: &'static str| {
                    let spans = json!([{ "from_min": 540, "until_min": 720 }]);
                    let change = json!({ "office_hours": { "authority": at, "seasons": [{ "date": "2018-01-01", "spans": spans }], "exceptions": [] } });
                    json!({ "document": "文", "title": "办公时间", "source": "https://www.gov.cn/", "change": change })
                };
                cases.extend(self.placed(Permission::ProposeCalendar, hours).into_iter().map(|c| c.also(&["approval.pending"])));
                cases
            }
            "approval.approve" | "approval.reject" => {
                let watcher = self.holder(Permission::ApproveAccess, "own");
                let mut cases: Put<'s> = vec![("pending", Box::new(|| self.pending_notice("pending")))];
                cases.extend(self.other_states());
                cases.push((
                    "about_oneself",
                    Box::new(move || {
                        let known = self.about_watcher.borrow().clone();
                        known.unwrap_or_else(|| {
                            let of = self.grant_matter(watcher, &[Permission::ViewStaff], NANGUAN);
                            self.about_watcher.borrow_mut().insert(of).clone()
                        })
                    }),
                ));
                if id == "approval.approve" {
                    self.approvals(Matters::decide, |of| json!({ "digest": of.digest }), cases)
                } else {
                    self.approvals(Matters::decide, |of| json!({ "digest": of.digest, "reason": "与原文不符" }), cases)
                }
            }
            "approval.withdraw" => {
                let first: Put<'s> =
                    vec![("pending", Box::new(|| self.pending_notice("pending"))), ("approved", Box::new(|| self.filing("approved")))];
                let cases = first.into_iter().chain(self.other_states()).collect();
                self.approvals(Matters::withdraw, |_| json!({ "reason": "重复提交" }), cases)
            }
            "approval.execute" => {
                let first: Put<'s> =
                    vec![("pending", Box::new(|| self.filing("pending"))), ("approved", Box::new(|| self.filing("approved")))];
                let cases = first.into_iter().chain(self.other_states()).collect();
                self.approvals(Matters::carry_out, |of| json!({ "digest": of.digest }), cases)
            }
            "approval.delegate" => {
                let taker = self.taker;
                vec![Case::new("-", move || {
                    let ends_at = self.world.core.now().plus(Duration::from_secs(86_400)).rfc3339();
                    let body = json!({ "taker": taker, "starts_at": null, "ends_at": ends_at });
                    Object::new().body(body).rule(|caller| {
                        let related = chain(caller.home).contains(&NANGUAN) || chain(NANGUAN).contains(&caller.home);
                        if !related {
                            return Some(Refusal { why: Why::Reach, status: 422, code: "invalid" });
                        }
                        // Who stands in is of the business side; an account of another is so for good, whatever it holds now.
                        let held = caller.post.split_once(':').and_then(|(_, p)| Permission::parse(p)).and_then(|p| p.plane());
                        if !caller.post.starts_with("all_but") && held.is_some_and(|plane| plane != Plane::Business) {
                            return Some(Refusal { why: Why::State, status: 409, code: "access.other_plane" });
                        }
                        caller.holds_both_apart().then_some(Refusal { why: Why::State, status: 409, code: "access.incompatible" })
                    })
                })]
            }
            "approval.end_delegation" => {
                let giver = self.holder(Permission::ServeTaxpayers, "own");
                let make = move || {
                    let ends_at = self.world.core.now().plus(Duration::from_secs(86_400));
                    let cmd = Delegate { taker: self.taker, starts_at: None, ends_at };
                    let id = self.world.session_of(giver).approval().delegate(cmd).wait().expect("somebody stands in").delegation;
                    Object::new().at("delegation", id).rule(move |caller| {
                        let missing = Refusal { why: Why::Reach, status: 404, code: "not_found" };
                        (caller.officer() != Some(giver)).then_some(missing)
                    })
                };
                vec![Case::new("own", make).spent(), Case::new("missing", || Object::new().at("delegation", NOBODY).missing())]
            }
            _ => return None,
        })
    }
}
