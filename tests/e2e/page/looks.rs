//! Everybody can use it: on a phone, in the dark, with keys alone, with a screen reader, and without seeing colours.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::farm::Farm;
use super::pictures;
use crate::harness::browser::TAB;

/// What a finger, a key or a mouse can do something with.
const CONTROLS: &str = "a[href], button, input, select, summary, [tabindex='0']";
const WIDTHS: [u32; 4] = [320, 380, 800, 1280];

/// Elements that reach beyond the window without a scroll box of their own, and text that is cut off.
const BEYOND: &str = "
    const scrolls = (element) => ['auto', 'scroll'].includes(getComputedStyle(element).overflowX);
    const inBox = (element) => element !== document.scrollingElement && element !== document.body && (scrolls(element) || (element.parentElement && inBox(element.parentElement)));
    const told = (element) => `${element.tagName}.${element.className} ${element.textContent.trim().slice(0, 40)}`;
    const found = [];
    if (document.scrollingElement.scrollWidth > innerWidth) found.push(`the page is ${document.scrollingElement.scrollWidth} wide`);
    for (const element of document.body.querySelectorAll('*')) {
        if (!element.checkVisibility()) continue;
        const box = element.getBoundingClientRect();
        if (box.right > innerWidth + 0.5 && !inBox(element)) found.push(`beyond: ${told(element)}`);
        const cut = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== 'inline';
        if (cut && box.right > 0 && element.tagName !== 'INPUT' && element.clientWidth > 0) found.push(`cut off: ${told(element)}`);
    }
    return found";

/// Texts with less contrast than WCAG 2.2 §1.4.3 (AA) wants: 4.5 to 1, or 3 to 1 for large ones; and how many were judged.
const FAINT: &str = "
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => {
        const [red, green, blue] = parts(colour).map((part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const back = (element) => {
        const colour = getComputedStyle(element).backgroundColor;
        const clear = colour === 'transparent' || parts(colour)[3] === 0;
        return clear ? (element.parentElement ? back(element.parentElement) : 'rgb(255, 255, 255)') : colour;
    };
    const found = [];
    let judged = 0;
    for (const element of document.body.querySelectorAll('*')) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !element.checkVisibility()) continue;
        const style = getComputedStyle(element);
        const both = [light(style.color), light(back(element))].sort((one, other) => other - one);
        const ratio = (both[0] + 0.05) / (both[1] + 0.05);
        judged += 1;
        if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) found.push(`${ratio.toFixed(2)}: ${element.tagName}.${element.className} ${element.textContent.slice(0, 40)}`);
    }
    return [judged, found]";

/// The focused element's place among the visible controls, and whether its focus can be seen.
const FOCUS: &str = "
    const all = [...document.querySelectorAll(arguments[0])].filter((element) => element.checkVisibility());
    const style = getComputedStyle(document.activeElement);
    return [all.indexOf(document.activeElement), all.length, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]";

#[track_caller]
fn none(found: &Value, what: &str) {
    assert_eq!(found, &json!([]), "{what}");
}

/// A farm of peers in unlike states, with calls, and with calls that failed.
#[test]
fn the_page_of_a_busy_farm_can_be_used_by_everybody() {
    let farm = Farm::start();
    let busy = pictures::busy(farm);
    let farm = &busy.farm;
    if let Some(folder) = std::env::var_os("TANDEM_PICTURES") {
        pictures::take(&busy, folder.as_ref());
    }
    farm.browser.size(1280, 900);
    for operate in farm.browser.all(".operate > summary") {
        operate.click();
    }
    farm.browser.one("#calls tr:first-child summary").click();
    farm.says("#calls tr:first-child details p", "Not pbx-");
    for width in WIDTHS {
        farm.browser.size(width, 900);
        none(&farm.browser.run(BEYOND, &[]), &format!("at {width} px"));
    }
    for scheme in ["dark", "light"] {
        farm.browser.scheme(scheme);
        let dark = "return matchMedia('(prefers-color-scheme: dark)').matches";
        assert_eq!(farm.browser.run(dark, &[]), json!(scheme == "dark"));
        let contrast = farm.browser.run(FAINT, &[]);
        assert!(contrast[0].as_u64() > Some(150), "{contrast}");
        none(&contrast[1], scheme);
    }
    states_are_words(farm);
    // Calls that come and go take their rows with them; these stay.
    farm.browser.one("#search").type_in("sip:20");
    farm.says("#calls-shown", "36 found");
    every_control_has_a_name(farm);
    keys_reach_everything(farm);
    busy.finish();
}

#[track_caller]
fn states_are_words(farm: &Farm) {
    let words = "return [...document.querySelectorAll('.good, .warn, .bad')].filter((it) => it.checkVisibility()).map((it) => it.textContent)";
    let words = farm.browser.run(words, &[]);
    let words = words.as_array().expect("texts");
    assert!(words.len() > 30, "{words:?}");
    for word in words {
        let word = word.as_str().unwrap_or_default();
        assert!(
            word.chars().any(char::is_alphabetic),
            "a colour alone: {words:?}"
        );
    }
}

#[track_caller]
fn every_control_has_a_name(farm: &Farm) {
    let mut names = BTreeSet::new();
    for control in farm.browser.all("button, input, select, a[href]") {
        let name = control.label();
        assert!(
            !name.trim().is_empty(),
            "a control without a name beside {names:?}"
        );
        names.insert(name);
    }
    for name in [
        "Drain pbx-a",
        "Resize trunk-1",
        "Admin token",
        "Resource of pbx-c to resize",
    ] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
}

/// Tab goes through all of it, in the order of the page, and each time it is seen where it is.
#[track_caller]
fn keys_reach_everything(farm: &Farm) {
    // From the top.
    let body = "scrollTo(0, 0); document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')";
    farm.browser.run(body, &[]);
    let mut reached = Vec::new();
    loop {
        farm.browser.press(TAB);
        let focus = farm.browser.run(FOCUS, &[json!(CONTROLS)]);
        let at = focus[0].as_i64().expect("a place");
        if at < 0 || reached.contains(&at) {
            let all = focus[1].as_i64().expect("a count");
            let wanted: Vec<i64> = (0..all).collect();
            assert_eq!(reached, wanted, "{focus}");
            return;
        }
        assert_eq!(focus[2], true, "the focus of control {at} is not seen");
        reached.push(at);
    }
}
