//! Who may push, and who stands for what is pushed.

use rstest::rstest;
use spin_deployer_bindle::{Credential, CredentialError, Error, Server, SignedText, keyring_entry};

use crate::app::{bindle, push, push_signed};
use crate::model::{Model, error};

#[rstest]
#[case::password(Credential::Password("jane".into(), "p:w".into()), "Basic amFuZTpwOnc=")]
#[case::token(Credential::Token("t0k3n".into()), "Bearer t0k3n")]
fn a_credential_goes_along_with_every_request(
    #[case] credential: Credential,
    #[case] expected: &str,
) {
    let model = Model::default();
    push_signed(&model, &bindle(), Some(&credential), None).unwrap();
    assert_eq!(model.authorization.borrow().as_ref().unwrap(), expected);
    assert!(
        !format!("{credential:?}").contains("p:w") && !format!("{credential:?}").contains("k3n")
    );
}

#[rstest]
#[case::colon(Credential::Password("jane:doe".into(), "p".into()), CredentialError::Colon)]
#[case::line(Credential::Token("to\nken".into()), CredentialError::Token)]
fn who_cannot_be_named_is_not_nobody(
    #[case] credential: Credential,
    #[case] error: CredentialError,
) {
    let model = Model::default();
    let server = Server::new(&model, "https://bindle.test/v1", Some(&credential));
    assert_eq!(server.unwrap_err(), error);
}

#[test]
fn nobody_is_told_from_somebody_who_may_not() {
    let denied = || {
        let model = Model::default();
        model.answers("POST /v1/_i", 403, &error("access denied"));
        model
    };
    let nobody = push(&denied(), &bindle()).unwrap_err();
    assert!(
        matches!(
            nobody,
            Error::Denied {
                anonymous: true,
                ..
            }
        ),
        "{nobody}"
    );
    let token = Credential::Token("t".into());
    let somebody = push_signed(&denied(), &bindle(), Some(&token), None).unwrap_err();
    assert!(
        matches!(
            somebody,
            Error::Denied {
                anonymous: false,
                ..
            }
        ),
        "{somebody}"
    );
}

#[test]
fn a_wrong_credential_is_an_error_at_the_first_request() {
    let model = Model::default();
    model.answers("GET /v1/_i/", 401, &error("unauthorized"));
    let error = push(&model, &bindle()).unwrap_err();
    assert!(
        matches!(&error, Error::Unauthorized(failure) if failure.said == "unauthorized"),
        "{error}"
    );
    assert_eq!(model.asked.borrow().len(), 1);
}

#[rstest]
#[case::none(
    false,
    "signatures `No signatures found on invoice. At least one signature is required` cannot be verified"
)]
#[case::unknown(
    true,
    "signatures `strategy requires that all signatures for role(s) must be verified` cannot be verified"
)]
#[case::nobody(true, "none of the signatures are made with a known key")]
fn what_is_wrong_with_signatures_is_told(#[case] signed: bool, #[case] said: &str) {
    let model = Model::default();
    model.answers("POST /v1/_i", 400, &error(said));
    let signature =
        signed.then(|| SignedText::of(&bindle().invoice, "Jane").signed(&[1; 32], &[2; 64], 1));
    let error = push_signed(&model, &bindle(), None, signature).unwrap_err();
    match signed {
        false => assert!(matches!(error, Error::Unsigned(_)), "{error}"),
        true => assert!(matches!(error, Error::UnknownKey(_)), "{error}"),
    }
}

#[test]
fn a_signature_goes_with_the_invoice_and_the_first_one_counts() {
    let model = Model::default();
    let sign = |by: &str| {
        Some(SignedText::of(&bindle().invoice, by).signed(&[1; 32], &[2; 64], 1_700_000_000))
    };
    push_signed(&model, &bindle(), None, sign("Jane <jane@example.com>")).unwrap();
    push_signed(&model, &bindle(), None, sign("Joe")).unwrap();
    let invoice = model.invoice(&bindle());
    let [signature] = &invoice.signature[..] else {
        panic!("{:?}", invoice.signature);
    };
    assert_eq!(signature.by, "Jane <jane@example.com>");
    assert_eq!(
        (signature.role.as_str(), signature.at),
        ("creator", 1_700_000_000)
    );
    assert_eq!(
        signature.key,
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
    );
}

#[test]
fn a_server_learns_of_a_key_in_the_lines_of_its_keyring() {
    assert_eq!(
        keyring_entry("Jane \"J\" Doe", &[1; 32]).unwrap(),
        "[[key]]\nlabel = 'Jane \"J\" Doe'\nroles = [\"creator\"]\nkey = \"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\"\n"
    );
}

#[test]
fn what_is_signed_is_what_servers_verify() {
    let bindle = bindle();
    let mut expected = "Jane <jane@example.com>\nshop\n0.1.0+q1a2b3c4\ncreator\n~".to_owned();
    for parcel in &bindle.invoice.parcel {
        expected += "\n";
        expected += &parcel.label.sha256;
    }
    // The digests of `one` and `two`, as `sha256sum` has them, are the last two; nothing follows.
    let last = "\n7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed\
                \n3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";
    let text = SignedText::of(&bindle.invoice, "Jane <jane@example.com>");
    assert_eq!(text.as_bytes(), expected.as_bytes());
    assert!(expected.ends_with(last), "{expected}");
}

#[rstest]
#[case::web_page("GET /v1/_i/", 200, "<html>")]
#[case::not_found_by_another("GET /v1/_i/", 404, "<html>not here</html>")]
#[case::redirect("GET /v1/_i/", 302, "")]
#[case::success_of_another("POST /v1/_i", 204, "")]
#[case::nothing("GET /v1/_r/", 200, "")]
fn another_server_is_not_taken_for_a_bindle_server(
    #[case] request: &'static str,
    #[case] status: u16,
    #[case] body: &str,
) {
    let model = Model::default();
    model.answers(request, status, body);
    let error = push(&model, &bindle()).unwrap_err();
    assert!(
        matches!(&error, Error::Nonsense { came, .. } if came.starts_with(&status.to_string())),
        "{error}"
    );
}
