-- Half a year that ends now, in an empty database only. One task in 200 failed, in every stretch of time.
SELECT NOT EXISTS (SELECT FROM users) AS empty \gset
\if :empty
INSERT INTO users (email, created_at)
SELECT 'user' || n || '@example.org', now() - interval '180 days' * (1 - n / total::float)
FROM (SELECT greatest(100, :tasks / 20) AS total) AS size, generate_series(1, total) AS n;

INSERT INTO tasks (user_id, status, result, created_at, updated_at)
SELECT
    1 + n % (SELECT count(*) FROM users),
    status,
    CASE status
        WHEN 'COMPLETED' THEN jsonb_build_object('pages', 1 + n % 40, 'text', repeat(md5(n::text), 1 + n % 8))
        WHEN 'FAILED' THEN jsonb_build_object('error', 'the page did not answer in time')
    END,
    created,
    CASE WHEN status = 'PENDING' THEN created ELSE least(now(), created + interval '1 second' * (2 + n % 90)) END
FROM (
    SELECT
        n,
        now() - interval '180 days' * (1 - n / :tasks::float) AS created,
        CASE
            WHEN n > :tasks - 3 THEN 'PENDING'
            WHEN n > :tasks - 6 THEN 'RUNNING'
            WHEN n % 200 = 100 THEN 'FAILED'
            ELSE 'COMPLETED'
        END AS status
    FROM generate_series(1, :tasks) AS n
) AS made;

ANALYZE;
\endif
