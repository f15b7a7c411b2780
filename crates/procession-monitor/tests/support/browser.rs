//! A real browser, driven over its pipe of the `DevTools` protocol (apt: `chromium-headless-shell`).
//!
//! In: a page's address, questions in JavaScript. Out: answers, what the browser objected to, a
//! picture. Always: nothing is waited for longer than [`PATIENCE`]; it ends when dropped.

#![allow(dead_code, unreachable_pub, reason = "each user has its part")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Browser {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    calls: u64,
    /// Everything it told unasked.
    events: Vec<Value>,
}

impl Browser {
    /// One with an empty page; what it must keep goes into `directory`.
    pub fn start(directory: &Path) -> Browser {
        // It reads what it shall do from descriptor 3 and answers on 4.
        let script = "exec chromium-headless-shell --no-sandbox --disable-gpu \
                      --disable-dev-shm-usage --remote-debugging-pipe --window-size=1200,800 \
                      --user-data-dir=\"$1\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(directory.join("profile"));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (tell, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                let message = serde_json::from_slice(&message.unwrap()).unwrap();
                if tell.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser =
            Browser { child, input, messages, session: None, calls: 0, events: Vec::new() };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", &target)["sessionId"].take();
        browser.session = session.as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Opens pages whose certificate nobody vouches for.
    pub fn trust_all(&mut self) {
        self.call("Security.setIgnoreCertificateErrors", &json!({ "ignore": true }));
    }

    pub fn open(&mut self, url: &str) {
        let is_load = |event: &Value| event["method"] == "Page.loadEventFired";
        self.events.retain(|event| !is_load(event));
        self.call("Page.navigate", &json!({ "url": url }));
        while !self.events.iter().any(is_load) {
            let event = self.next();
            self.events.push(event);
        }
    }

    /// The value of an expression; a promise is waited for.
    pub fn ask(&mut self, expression: &str) -> Value {
        let asked =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Waits until the page shows this.
    pub fn wait_for(&mut self, text: &str) {
        let text = Value::from(text);
        self.ask(&format!(
            "new Promise((done) => {{
                const look = () => document.body.innerText.includes({text}) && done(true);
                const all = {{ subtree: true, childList: true, characterData: true }};
                new MutationObserver(look).observe(document, all);
                look();
            }})"
        ));
    }

    /// What it objected to, or wrote to its console.
    pub fn objections(&self) -> Vec<&Value> {
        let bad = ["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"];
        let is_bad = |event: &&Value| bad.iter().any(|method| event["method"] == *method);
        self.events.iter().filter(is_bad).collect()
    }

    /// The window as a PNG, in base64.
    pub fn picture(&mut self) -> String {
        let picture = self.call("Page.captureScreenshot", &json!({}));
        picture["data"].as_str().unwrap().to_owned()
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input
            .write_all(&bytes)
            .expect("chromium-headless-shell; `cargo xtask test` installs it");
        loop {
            let mut answer = self.next();
            if answer["id"] == self.calls {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    fn next(&mut self) -> Value {
        self.messages.recv_timeout(PATIENCE).expect("word of chromium-headless-shell")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
