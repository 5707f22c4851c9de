//! A peer's report, taken into its account.

use std::time::Instant;

use super::account::Account;
use super::directory::Directory;
use super::feedback::{FeedbackAnswer, FeedbackError, FeedbackOutcome, Report};
use super::id::ResourceId;
use super::inspect::resource_views;
use super::reckon::Standing;
use super::reports;

/// One resource as it stands.
pub(super) type Row = (ResourceId, Standing);

impl Account {
    /// Takes a report, or refuses it and changes nothing but a counter.
    pub(super) fn take_report(
        &mut self,
        now: Instant,
        report: &Report,
        directory: &Directory,
    ) -> Result<FeedbackAnswer, FeedbackError> {
        let known_until = self.reports.at;
        let taken = self.try_report(now, report, directory);
        let outcome = match &taken {
            Ok(_) => FeedbackOutcome::Accepted,
            Err(FeedbackError::OldSeq { .. } | FeedbackError::OldBoot) => FeedbackOutcome::OldSeq,
            Err(FeedbackError::Impossible(_) | FeedbackError::NoSuchPeer) => {
                FeedbackOutcome::Impossible
            }
        };
        self.tally.reports[outcome.index()] += 1;
        if taken? {
            self.reports.untold = Some(known_until);
        }
        Ok(FeedbackAnswer {
            accepted_seq: self.reports.seq,
            restarted: self.reports.untold.is_some(),
            known_until: self.reports.untold.flatten(),
            resources: resource_views(&self.rows().collect::<Vec<_>>(), directory),
        })
    }

    fn try_report(
        &mut self,
        now: Instant,
        report: &Report,
        directory: &Directory,
    ) -> Result<bool, FeedbackError> {
        let checked = report.check(self.ttl)?;
        let restarted = self.reports.order(report)?;
        self.reports.take(now, report, checked, restarted);
        if restarted {
            for resource in &mut self.resources {
                (resource.foreign, resource.max) = (None, None);
            }
        }
        let until = now + checked.ttl;
        let legs = u64::from(self.legs_per_call.max(1));
        for (name, said) in &report.resources {
            let Some(id) = directory.resource_named(name) else {
                continue;
            };
            let Some(resource) = self.resources.iter_mut().find(|known| known.id == id) else {
                continue;
            };
            // Our own calls are in what the peer counts: they are taken off here, once.
            let foreign = said
                .used
                .map(|used| (used / legs).saturating_sub(resource.own));
            reports::renew(&mut resource.foreign, foreign, until);
            let used = said.used.filter(|_| restarted);
            resource.after_restart = used.map(|used| (used / legs, resource.own));
            // Checked to be in range.
            let max = said.max.and_then(|max| u32::try_from(max).ok());
            reports::renew(&mut resource.max, max, until);
        }
        Ok(restarted)
    }

    /// Units of calls of an earlier run were given back. They were not in what the new run reported, so they hide no
    /// foreign load any more.
    pub(super) fn gone_with_restart(&mut self, id: ResourceId, units: u64) {
        let resource = self.resources.iter_mut().find(|known| known.id == id);
        let Some(resource) = resource else { return };
        if let (Some((used, own)), Some(foreign)) =
            (&mut resource.after_restart, &mut resource.foreign)
        {
            *own -= units.min(*own);
            foreign.value = used.saturating_sub(*own);
        }
    }

    /// Every resource that the peer offers, or that calls hold on it.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        let shown = self
            .resources
            .iter()
            .filter(|resource| resource.own > 0 || resource.capacity(self.capacity_mode).is_some());
        shown.map(|resource| (resource.id, self.standing(resource.id)))
    }
}
