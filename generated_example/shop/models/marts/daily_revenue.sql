/* Revenue per day and product category */
MODEL (
  name marts.daily_revenue,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column order_date,
    batch_size 14,
    lookback 1
  ),
  start '2026-09-01',
  grain (order_date, category),
  partitioned_by order_date,
  owner finance,
  tags ('dagster:group_name:marts', 'finance'),
  audits (
    not_null(columns := (order_date, category)),
    assert_at_least(column := revenue, minimum := 0)
  )
);

SELECT
  l.order_date::DATE, -- The day on which the orders came in
  p.category::TEXT, -- Product category
  COUNT(DISTINCT l.order_id)::BIGINT AS orders, -- Orders with a product of the category
  SUM(l.quantity)::BIGINT AS pieces, -- Pieces sold
  SUM(l.line_total)::DECIMAL(18, 2) AS revenue -- In euros
FROM staging.order_lines AS l
JOIN raw.products AS p
  ON p.product_id = l.product_id
WHERE
  l.order_date BETWEEN @start_date AND @end_date
GROUP BY
  l.order_date,
  p.category
