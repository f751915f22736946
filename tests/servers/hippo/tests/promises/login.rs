use hippo_stand_in::Doubt;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, errors, read, request};

#[rstest]
#[case("bert", "secret", "Account does not exist.")]
#[case("anna", "wrong", "Credentials are not valid.")]
fn a_bad_login_is_400_and_says_why(
    #[case] name: &str,
    #[case] password: &str,
    #[case] detail: &str,
) {
    let body = json!({ "userName": name, "password": password });
    let (status, answer) = World::new().post("/api/auth-tokens", &body);
    assert_eq!(status, 400);
    assert_eq!(answer["title"], "Login failed.");
    assert_eq!(answer["detail"], detail);
}

#[test]
fn a_login_without_a_password_is_a_finding() {
    let (status, answer) = World::new().post("/api/auth-tokens", &json!({ "userName": "anna" }));
    assert_eq!(
        (status, errors(&answer)),
        (400, vec!["Password".to_owned()])
    );
}

#[test]
fn without_a_token_there_is_no_word() {
    let answer = World::new()
        .hippo
        .answer(&request("GET", "/api/apps", &Value::Null));
    assert_eq!(answer.status(), 401);
    assert!(answer.body().is_empty());
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
}

#[rstest]
#[case::in_the_skew(-200, 200)]
#[case::after_it(-301, 401)]
fn a_token_is_taken_five_minutes_longer_than_it_says(#[case] lifetime: i64, #[case] status: u16) {
    let world = World::with(|settings| settings.token_lifetime = lifetime);
    assert_eq!(world.get("/api/apps").0, status);
}

#[test]
fn the_test_can_end_all_tokens() {
    let world = World::new();
    assert_eq!(world.get("/api/apps").0, 200);
    world.control("POST", "/expire-tokens", &Value::Null);
    assert_eq!(world.get("/api/apps").0, 401);
}

#[rstest]
#[case::text(&[], "text/plain; charset=utf-8")]
#[case::json(&[Doubt::AccountIsJson], "application/json; charset=utf-8")]
fn an_account_is_answered_in_text_to_who_accepts_anything(
    #[case] inferred: &[Doubt],
    #[case] content_type: &str,
) {
    let world = World::with(|settings| settings.inferred = inferred.to_vec());
    let body = json!({ "userName": "bert", "password": "secret" });
    let answer = world.hippo.answer(&request("POST", "/api/accounts", &body));
    assert_eq!(answer.headers()["content-type"], content_type);
    let (status, taken) = read(world.hippo.answer(&request("POST", "/api/accounts", &body)));
    assert_eq!((status, errors(&taken)), (400, vec!["UserName".to_owned()]));
}
