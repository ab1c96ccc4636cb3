//! Assigns processors to parts of a measurement, so that a load generator takes no time from the
//! shop.

use std::io;

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

use crate::step::Failure;

const THIS_THREAD: Pid = Pid::from_raw(0);

/// Divides this thread's processors into two halves; both have all of them if there is only one.
pub fn halves() -> Result<[CpuSet; 2], Failure> {
    let all = sched_getaffinity(THIS_THREAD).map_err(io::Error::from)?;
    let numbers: Vec<_> = (0..CpuSet::count())
        .filter(|number| all.is_set(*number).unwrap_or(false))
        .collect();
    let (one, other) = numbers.split_at(numbers.len() / 2);
    if one.is_empty() {
        return Ok([all; 2]);
    }
    Ok([set(one)?, set(other)?])
}

fn set(numbers: &[usize]) -> Result<CpuSet, Failure> {
    let mut set = CpuSet::new();
    for number in numbers {
        set.set(*number).map_err(io::Error::from)?;
    }
    Ok(set)
}

/// Runs `what` on these processors; the processes that it starts stay on them.
pub fn on<T>(processors: &CpuSet, what: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let before = sched_getaffinity(THIS_THREAD).map_err(io::Error::from)?;
    sched_setaffinity(THIS_THREAD, processors).map_err(io::Error::from)?;
    let done = what();
    sched_setaffinity(THIS_THREAD, &before).map_err(io::Error::from)?;
    done
}

#[cfg(test)]
mod tests {
    use std::{process::Command, thread};

    use super::*;
    use crate::step::text_of;

    #[test]
    fn processes_stay_on_their_processors() {
        let before = sched_getaffinity(THIS_THREAD).unwrap();
        let [one, other] = halves().unwrap();
        for half in [one, other] {
            let count = (0..CpuSet::count()).filter(|it| half.is_set(*it).unwrap());
            let started = on(&half, || text_of(&mut Command::new("nproc"))).unwrap();
            assert_eq!(started.trim(), count.count().to_string());
        }
        assert_eq!(sched_getaffinity(THIS_THREAD).unwrap(), before);
        let all = thread::available_parallelism().unwrap().get();
        assert!(all == 1 || one != other);
    }
}
