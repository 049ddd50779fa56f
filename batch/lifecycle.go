package batch

import "fmt"

// This file is the whole rule of which state of a job may follow which. It does
// no I/O; Store.moveJob and Store.endCanary ask it inside of the transaction that
// changes the job, and nothing else changes a state.

// jobEvent is what happens to a job.
type jobEvent string

const (
	eventLoad   jobEvent = "load"   // all rows are checked and stored
	eventRefuse jobEvent = "refuse" // rows were refused
	eventStart  jobEvent = "start"  // the user wants it to be sent
	eventPause  jobEvent = "pause"  // by the user, or by a rule that stops it
	eventResume jobEvent = "resume"
	eventCancel jobEvent = "cancel"
	eventRetry  jobEvent = "retry"  // rows that failed are put back; once all are, it is resumed
	eventSettle jobEvent = "settle" // every row has its outcome; of a job that is being canceled, every row that was sent
)

// jobMoves is the state that follows an event. What is missing is not possible.
// An event that leaves the state as it is may be repeated.
var jobMoves = map[JobState]map[jobEvent]JobState{
	JobLoading:   {eventLoad: JobReady, eventRefuse: JobInvalid, eventCancel: JobCanceled},
	JobReady:     {eventStart: JobRunning, eventCancel: JobCanceled},
	JobRunning:   {eventStart: JobRunning, eventPause: JobPaused, eventResume: JobRunning, eventCancel: JobCanceling, eventSettle: JobDone},
	JobPaused:    {eventPause: JobPaused, eventResume: JobRunning, eventCancel: JobCanceling, eventRetry: JobPaused, eventSettle: JobDone},
	JobCanceling: {eventStart: JobCanceling, eventCancel: JobCanceling, eventSettle: JobCanceled},
	JobCanceled:  {eventCancel: JobCanceled, eventRetry: JobPaused},
	JobDone:      {eventStart: JobDone, eventRetry: JobPaused},
	JobInvalid:   {},
}

// after is the state that follows an event; ErrState when it is not possible.
func (s JobState) after(e jobEvent) (JobState, error) {
	to, ok := jobMoves[s][e]
	if !ok && s == JobPaused {
		return s, fmt.Errorf("the job is paused: resume it: %w", ErrState)
	}
	if !ok {
		return s, fmt.Errorf("the job is %s: %w", s, ErrState)
	}
	return to, nil
}

// sends reports whether an engine carries jobs in this state.
func (s JobState) sends() bool {
	return s == JobRunning || s == JobPaused || s == JobCanceling
}
