//! The status page in Chromium: what it shows is so, what is clicked is done, and everybody can use it.

mod farm;
mod looks;
mod moving;
mod operating;
mod pictures;
