//! What the checkpoints of a data directory vouch for: those of its batches, and the one it has published.

use super::{
    super::published::{self, Published, absent},
    Check,
};
use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        position::TreeSize,
    },
    pack::{manifest::CHECKPOINT, report::Report},
    store::directory::WITNESSED_FILE,
};

impl Check {
    /// Says what the checkpoints of the batches sign, the last of which covers everything, and whether all are signed.
    pub(super) fn check_signed(&mut self, report: &mut Report) {
        let Some(last) = &self.last else { return };
        report.size = Some(last.checkpoint().size);
        report.root = Some(last.checkpoint().root);
        let batches = self.more.batches.saturating_sub(self.before_key);
        if self.before_key > 0 {
            report.not_checked.push(format!(
                "the signatures of {} batches from before the trusted key was added: another key signed them, and the first \
                 checkpoint that this one signed covers them",
                self.before_key
            ));
        }
        if self.covered > 0 {
            report.not_checked.push(format!(
                "the signatures of {} batches beyond the point from which on a key is compromised: that key alone signed \
                 them, and what stands for their entries is a later checkpoint, by another key",
                self.covered
            ));
        }
        let batches = batches.saturating_sub(self.covered);
        match self.doubtful.take().or(self.unsigned.take()) {
            None => {
                report.signed = Some(last.clone());
                report.checked.push(format!(
                    "the signatures of the checkpoints of all {batches} batches, by the trusted key{}",
                    match self.keys.ring.spans().len() {
                        0 | 1 => "",
                        _ => " or one that it leads to, each in its time",
                    }
                ));
            }
            Some((mut finding, count)) => {
                if count > 1 {
                    finding.found = format!(
                        "{}; the first of {count} such batches, of {batches}",
                        finding.found
                    );
                }
                self.findings.push(finding);
            }
        }
    }

    /// Takes the last checkpoint that was witnessed. It may be from long ago, when the key that is trusted now was not there
    /// yet, or one that is compromised since: then it says nothing.
    pub(super) fn take_witnessed(
        &mut self,
        witnessed: Published,
        finding: Option<Finding>,
    ) -> Published {
        match finding {
            Some(finding) if finding.kind == FindingKind::CheckpointMalformed => {
                self.findings.push(finding);
            }
            Some(finding) => self.not_checked.push(format!(
                "{WITNESSED_FILE}: no key vouches for it that is trusted here ({})",
                finding.found
            )),
            None => self.kept.watch(witnessed.size()),
        }
        witnessed
    }

    /// Checks that the journal holds what the ledger has published, and what its witnesses cosigned.
    pub(super) fn check_published(&mut self, size: TreeSize) {
        let torn = self.torn.take();
        if self.published.is_absent() && (size > TreeSize::EMPTY || torn.is_some()) {
            self.incomplete.push(absent(self.witnessed.size()));
        }
        let signed = [
            (CHECKPOINT, &self.published),
            (WITNESSED_FILE, &self.witnessed),
        ];
        let signed = signed
            .into_iter()
            .filter_map(|(name, published)| Some((name, published.signed()?)));
        let most = signed.clone().map(|(_, signed)| signed.size).max();
        if let Some(place) = &torn
            && most.is_none_or(|most| most <= size)
        {
            self.incomplete.push(format!(
                "the journal ends within a batch ({place}): a write was cut short or is under way, and no entry before it is concerned"
            ));
        }
        let explained = self.unlike.is_some() || self.order.has_misplaced();
        // Entries that are missing are so once, by the one that knows of most.
        let signed = signed.filter(|(_, signed)| signed.size <= size || Some(signed.size) == most);
        let findings = signed.filter_map(|(name, signed)| {
            let root = self.kept.root_at(signed.size).filter(|_| !explained);
            published::compare(name, signed, size, torn.clone(), root)
        });
        let mut findings: Vec<_> = findings.collect();
        // Both may know of as many; two roots that are others are two findings.
        findings.dedup_by(|b, a| b.kind == a.kind && b.index.is_some() && b.index == a.index);
        self.findings.extend(findings);
    }
}
