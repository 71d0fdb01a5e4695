//! What a suite process is ordered to do.

use multibeam_model::link::{ProcessNews, ProcessOrder, StopHow};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::{AttemptId, ProcessId};

use crate::suite::Stage;
use crate::world::{Host, World};

impl World {
    pub(crate) fn order_suite(&mut self, host: Host, process: ProcessId, order: ProcessOrder) {
        match &order {
            ProcessOrder::HandOut { attempt } => self.rules.handed(*attempt, process),
            ProcessOrder::SerialPhase { attempts } => {
                for attempt in attempts {
                    self.rules.handed(*attempt, process);
                }
            }
            _ => {}
        }
        let Some(suite) = self.suite_mut(host, process) else { return };
        if matches!(suite.stage, Stage::Dying(_)) {
            return;
        }
        match order {
            ProcessOrder::Start(_) => {}
            ProcessOrder::HandOut { attempt } => {
                if suite.stop.is_some() {
                    self.tell(host, process, ProcessNews::NotRun { attempt });
                } else if suite.stage == Stage::Asking {
                    self.begin_group(host, process, attempt);
                } else {
                    suite.queue.push_back(attempt);
                }
            }
            ProcessOrder::TakeBack { attempt } => {
                let place = suite.queue.iter().position(|queued| *queued == attempt);
                if let Some(place) = place {
                    suite.queue.remove(place);
                    self.seen.count("taken back");
                    self.tell(host, process, ProcessNews::GivenBack { attempt });
                }
            }
            ProcessOrder::NoMoreGroups => {
                suite.no_more = true;
                if suite.stage == Stage::Asking {
                    self.ask(host, process);
                }
            }
            ProcessOrder::SerialPhase { attempts } => {
                suite.serial = Some(attempts.into());
                if suite.stage == Stage::AwaitingOthers {
                    self.next_serial(host, process);
                }
            }
            ProcessOrder::Stop(how) => self.stop_suite(host, process, how),
        }
    }

    fn stop_suite(&mut self, host: Host, process: ProcessId, how: StopHow) {
        let Some(suite) = self.suite_mut(host, process) else { return };
        if how == StopHow::Recall {
            // It is held when its group is over, and passes over the rest.
            suite.skipping = true;
            return self.seen.count("recalled");
        }
        suite.stop = suite.stop.max(Some(how));
        suite.skipping = true;
        let stage = suite.stage;
        let queue: Vec<AttemptId> = suite.queue.drain(..).collect();
        if how == StopHow::Kill {
            return self.kill(host, process, ProcessEnd::Signal(9), 60);
        }
        for attempt in queue {
            self.tell(host, process, ProcessNews::NotRun { attempt });
        }
        match stage {
            Stage::Running { attempt, ordinal } => {
                let time = self.some_ms(1, 1_500);
                self.step_after(host, process, Stage::Running { attempt, ordinal }, time);
            }
            Stage::Asking | Stage::Held | Stage::WaitingForFact => self.ask(host, process),
            _ => {}
        }
    }
}
