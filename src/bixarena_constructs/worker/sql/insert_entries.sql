INSERT INTO api.leaderboard_entry
    (leaderboard_id, snapshot_id, model_id, bt_score, bootstrap_q025, bootstrap_q975,
     vote_count, rank)
SELECT %(leaderboard_id)s, %(snapshot_id)s, entry.*
FROM unnest(
    %(model_ids)s::uuid[], %(scores)s::numeric[], %(lowers)s::numeric[], %(uppers)s::numeric[],
    %(votes)s::integer[], %(ranks)s::integer[]
) AS entry;
