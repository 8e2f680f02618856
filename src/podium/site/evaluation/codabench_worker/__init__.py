"""Workers that take jobs from RabbitMQ and speak the protocol of Codabench's compute worker.

    bridge     claims runs in the queue's fair order and publishes them (in the site-worker)
    messages   the job message: what the worker is told about an attempt
    routes     what the worker calls back: PATCH, scores, the socket of live output
    services   what these calls change, and what happens when they do not come
    words      a worker's words for a failure, as causes
    outputs    what can be learnt from the files that it leaves
    watching   the socket on which Codabench's pages follow submissions

The worker has no heartbeat, calls `Scoring` before the prediction's zip is there and `Finished` before the scores, and
knows one secret for everything. So the platform keeps for each attempt a secret of its own, believes an announcement
only when what it announces has arrived, and ends by itself what stands still.
"""
